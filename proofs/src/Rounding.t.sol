// SPDX-License-Identifier: AGPL-3.0-only
pragma solidity 0.8.30;

import {Code} from "./Code.sol";
import {IProbe, Proving} from "./Proving.sol";

/// Every division rounds the way it says: `contracts/modules/units.vy` and `pricing.vy`.
contract Rounding is Proving {
    int256 internal constant LOTS = 10 ** 10;

    IProbe internal probe;

    function setUp() public {
        probe = IProbe(deploy(Code.PROBE));
    }

    /// The least whole number that is not below the quotient, at the divisors there are.
    function check_ceil_div_is_the_least_above_millionths(uint128 dividend) public view {
        least_above(dividend, 10 ** 6);
    }

    function check_ceil_div_is_the_least_above_lots(uint128 dividend) public view {
        least_above(dividend, 10 ** 10);
    }

    function check_ceil_div_is_the_least_above_margins(uint160 dividend) public view {
        least_above(dividend, 10 ** 16);
    }

    function least_above(uint256 dividend, uint256 divisor) internal view {
        uint256 quotient = probe.ceil_div(dividend, divisor);
        assert(quotient * divisor >= dividend);
        assert(quotient * divisor < dividend + divisor);
    }

    /// The mark value of what is held long is never above the product: rounding makes no money.
    function check_floor_lots_is_never_above_the_product(uint120 product) public view {
        uint256 quotient = uint256(probe.floor_lots(int256(uint256(product))));
        assert(quotient * 10 ** 10 <= product);
    }
}

/// Statements about signs and shifts, which another solver finds than those about divisions.
contract Funding is Proving {
    IProbe internal probe;

    function setUp() public {
        probe = IProbe(deploy(Code.PROBE));
    }

    /// What one side of an index step receives the other pays, and at most a unit stays behind.
    function check_funding_pays_no_more_than_it_takes(int128 product) public view {
        for (uint256 scale = 20; scale <= 90; scale += 10) {
            int256 sum = probe.credit(product, 1, scale) + probe.credit(-int256(product), 1, scale);
            assert(sum == 0 || sum == -1);
        }
    }

    /// A position and an index step enter funding by their product alone.
    function check_funding_knows_the_product_alone(int64 base, int64 step, uint8 scale) public view {
        assert(probe.credit(base, step, scale) == probe.credit(int256(base) * step, 1, scale));
    }

    /// A change shrinks a position if and only if it ends no farther from zero and not beyond it.
    function check_shrinking_is_towards_zero_and_not_beyond(int128 base, int128 change) public view {
        int256 after_ = int256(base) + change;
        bool same_side = (base >= 0 && after_ >= 0) || (base <= 0 && after_ <= 0);
        assert(probe.shrinks(base, change) == (same_side && magnitude(after_) <= magnitude(base)));
    }
}
