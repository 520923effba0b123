// SPDX-License-Identifier: AGPL-3.0-only
pragma solidity 0.8.30;

import {Code} from "./Code.sol";
import {Proving} from "./Proving.sol";

struct Market {
    uint256 clock;
    uint256 pool;
    uint256 meter;
    uint256 ledger;
    uint256 incoming;
    uint256 rates;
    uint256 caps;
}

struct Plan {
    uint256 time;
    uint256 oracle;
    uint256 price;
    int256 index;
    uint256 gross;
    uint256 volume;
    int256 quote;
    uint256 fees;
    int256 ledger;
    uint256 capacity;
    uint256 level;
}

interface IRules {
    function close(Market calldata market, Plan calldata plan)
        external
        pure
        returns (Market memory after_, uint256 level, int256 cashed);
}

/// What traders gain in a batch the pool loses, to the unit: `contracts/Rules.vy`, C2 and C3.
contract Nets is Proving {
    IRules internal rules;

    function setUp() public {
        rules = IRules(deploy(Code.RULES));
    }

    /// The pool's base falls by exactly what traders bought net, whatever else the batch does.
    function check_the_pool_takes_the_net_of_bases(Market calldata market, Plan calldata plan) public view {
        bounded(market, plan);
        try rules.close(market, plan) returns (Market memory after_, uint256, int256) {
            int256 bought = int256(plan.volume >> 128) - int256(uint256(uint128(plan.volume)));
            assert(int256(after_.pool) >> 192 == (int256(market.pool) >> 192) - bought + incoming_base(market));
        } catch {}
    }

    /// A market is never settled beyond the buys its price word announced.
    function check_no_batch_exceeds_its_gross(Market calldata market, Plan calldata plan) public view {
        bounded(market, plan);
        try rules.close(market, plan) returns (Market memory, uint256, int256) {
            assert(plan.volume >> 128 <= plan.gross);
        } catch {}
    }

    /// Fees enter the ledger whole.
    function check_fees_enter_the_ledger_whole(Market calldata market, Plan calldata plan) public view {
        bounded(market, plan);
        try rules.close(market, plan) returns (Market memory after_, uint256, int256) {
            assert((after_.ledger << 88) >> 176 == ((market.ledger << 88) >> 176) + plan.fees);
        } catch {}
    }

    /// The market remembers the time and the oracle price it was settled at.
    function check_the_clock_is_set_to_the_batch(Market calldata market, Plan calldata plan) public view {
        bounded(market, plan);
        try rules.close(market, plan) returns (Market memory after_, uint256, int256) {
            assert((after_.clock >> 48) & (2 ** 48 - 1) == plan.time);
            assert((after_.clock >> 96) & (2 ** 64 - 1) == plan.oracle);
        } catch {}
    }

    /// What Clearing's fields have room for.
    function bounded(Market calldata market, Plan calldata plan) internal pure {
        prover.assume(plan.time >> 48 == 0 && plan.oracle >> 64 == 0 && plan.price >> 64 == 0);
        prover.assume(plan.gross >> 64 == 0 && (plan.volume >> 128) >> 72 == 0 && uint128(plan.volume) >> 72 == 0);
        prover.assume(plan.fees >> 80 == 0 && plan.quote == int96(plan.quote) && plan.index == int64(plan.index));
        prover.assume(market.clock & 1 == 0 || market.incoming << 152 == 0);
    }

    function incoming_base(Market calldata market) internal pure returns (int256) {
        return market.clock & 1 == 0 ? int256(0) : int256(market.incoming) >> 192;
    }
}
