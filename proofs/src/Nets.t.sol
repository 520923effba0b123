// SPDX-License-Identifier: AGPL-3.0-only
pragma solidity 0.8.30;

import {Code} from "./Code.sol";
import {Proving} from "./Proving.sol";
import {Market, Plan} from "./Shapes.sol";

interface IRules {
    function close(Market calldata market, Plan calldata plan)
        external
        pure
        returns (Market memory after_, uint256 level, int256 cashed);
}

/// What traders gain in a batch the pool loses, to the unit: `contracts/Rules.vy`, C2 and C3.
///
/// Sizes, money, fees and what recovery left are any the words have room for. What they multiply is
/// pinned, because no solver decides products of two unknowns: the batch prints at the oracle's
/// price, in the millisecond after the last one, without funding.
contract Nets is Proving {
    uint256 internal constant PRICE_E8 = 60_000 * 10 ** 8;
    uint256 internal constant TIME_MS = 1_700_000_000_000;
    uint256 internal constant SIZES_MAX = 2 ** 61;

    IRules internal rules;

    function setUp() public {
        rules = IRules(deploy(Code.RULES));
        (Market memory after_,, int256 cashed) = rules.close(market(5, -7, 0, 0, false), plan(3, 1, 2, 1));
        assert(int256(after_.pool) >> 192 == 3 && cashed == 0);
    }

    /// The pool's base falls by exactly what traders bought net, and takes in what recovery left.
    function check_the_pool_takes_the_net_of_bases(
        int56 held,
        int80 quote,
        int56 more,
        int80 paid,
        bool left,
        uint56 bought,
        uint56 sold,
        int80 moved,
        uint64 fees
    ) public view {
        try rules.close(market(held, quote, more, paid, left), plan(bought, sold, moved, fees)) returns (
            Market memory after_, uint256, int256
        ) {
            int256 net = int256(uint256(bought)) - int256(uint256(sold));
            assert(int256(after_.pool) >> 192 == int256(held) - net + (left ? int256(more) : int256(0)));
            assert(after_.incoming == 0);
        } catch {}
    }

    /// Its money falls by exactly what the plan moves to traders; what it cashes leaves its quote.
    function check_the_pool_pays_what_traders_receive(
        int56 held,
        int80 quote,
        int56 more,
        int80 paid,
        bool left,
        uint56 bought,
        uint56 sold,
        int80 moved,
        uint64 fees
    ) public view {
        try rules.close(market(held, quote, more, paid, left), plan(bought, sold, moved, fees)) returns (
            Market memory after_, uint256, int256 cashed
        ) {
            int256 kept = int256(int88(uint88(after_.pool >> 104)));
            assert(kept + cashed == int256(quote) - moved + (left ? int256(paid) : int256(0)));
            assert((after_.ledger << 88) >> 176 == fees);
            assert(int256(after_.ledger) >> 168 == cashed);
        } catch {}
    }

    /// A market is never settled beyond the buys its price word announced.
    function check_no_batch_exceeds_its_gross(int56 held, uint56 bought, uint56 sold, uint56 gross) public view {
        Plan memory asked = plan(bought, sold, 0, 0);
        asked.gross = gross;
        try rules.close(market(held, 0, 0, 0, false), asked) returns (Market memory, uint256, int256) {
            assert(bought <= gross);
        } catch {}
    }

    function market(int256 held, int256 quote, int256 more, int256 paid, bool left)
        internal
        pure
        returns (Market memory made)
    {
        made.clock = (PRICE_E8 << 96) | (TIME_MS << 48) | (left ? 1 : 0);
        made.pool = book(held, quote);
        if (left) made.incoming = book(more, paid);
        made.meter = SIZES_MAX << 64;
        made.rates = 10 ** 5 << 136;
        made.caps = (SIZES_MAX << 128) | (SIZES_MAX / 2 << 64) | 2 ** 60 - 1;
    }

    function plan(uint256 bought, uint256 sold, int256 moved, uint256 fees) internal pure returns (Plan memory made) {
        made.time = TIME_MS;
        made.oracle = PRICE_E8;
        made.price = PRICE_E8;
        made.gross = bought;
        made.volume = (bought << 128) | sold;
        made.quote = moved;
        made.fees = fees;
        made.capacity = 2 ** 60;
    }

    function book(int256 base, int256 quote) internal pure returns (uint256) {
        return (uint256(base) << 192) | (uint256(uint88(int88(quote))) << 104);
    }
}
