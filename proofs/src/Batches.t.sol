// SPDX-License-Identifier: AGPL-3.0-only
pragma solidity 0.8.30;

import {Code} from "./Code.sol";
import {Proving} from "./Proving.sol";
import {Market, Plan} from "./Shapes.sol";

struct Signature {
    uint256 r;
    uint256 vs;
}

struct Record {
    uint256 order;
    uint256 terms;
    uint256 r;
    uint256 vs;
}

/// What an order asks for, and what the matcher gives it.
struct Ask {
    uint8 flags;
    uint32 seq;
    uint64 size;
    uint64 limit;
    uint64 fill;
    uint256 r;
    uint256 vs;
}

interface IClearing {
    function settle(
        uint256 head,
        uint256[] calldata openings,
        Signature[] calldata given,
        uint256[] calldata prices,
        Record[] calldata records,
        bytes32 accepted_root,
        Signature[] calldata seals
    ) external;
    function set_market(uint256 market, uint256 rates, uint256 caps, uint256 listing) external;
    function open_account(address owner, uint256 amount_e6) external returns (uint256);
    function head() external view returns (uint256);
    function fills(uint256 slot) external view returns (uint256);
}

/// Everything Clearing calls, as bad as it may be: it vouches for all that is said to it.
contract Yes {
    uint256 internal constant PRICE_E8 = 60_000 * 10 ** 8;

    function verify(uint256, uint256[] calldata, Signature[] calldata)
        external
        pure
        returns (bytes32, uint256[64] memory words, uint256)
    {
        words[0] = PRICE_E8 << 128;
        return (0, words, 0);
    }

    function check(uint256, bytes32, Signature[] calldata) external pure returns (bool) {
        return true;
    }

    function covers(uint256, address, uint256, uint256, uint256, bytes32) external pure returns (bool) {
        return true;
    }

    function receive_(address, uint256) external pure {}

    function close(Market calldata market, Plan calldata plan)
        external
        pure
        returns (Market memory, uint256, int256)
    {
        return (market, plan.level, 0);
    }

    function refuse(uint256) external pure returns (bool) {
        revert("refused");
    }

    fallback() external {}
}

/// Batches follow one another, and none fills more than was signed: `contracts/Clearing.vy`, C1 and C5.
contract Batches is Proving {
    address internal constant GOVERNANCE = address(0x60);
    uint256 internal constant START_S = 1_700_000_000;
    uint256 internal constant T_MS = START_S * 1000;
    uint256 internal constant PRICE_E8 = 60_000 * 10 ** 8;

    uint8 internal constant DELEGATED = 128;
    uint256 internal constant SLOT = 17 * 256 + 3;

    IClearing internal clearing;

    function setUp() public {
        prover.warp(START_S - 60);
        address yes = address(new Yes());
        bytes memory parts = abi.encode(yes, yes, yes, yes, yes, yes, GOVERNANCE, uint256(2 ** 40));
        clearing = IClearing(deploy(bytes.concat(Code.CLEARING, parts)));
        prover.prank(GOVERNANCE);
        clearing.set_market(1, 1 << 68, 15 << 60 | 2 ** 60 - 1, 1 << 192);
        assert(clearing.open_account(address(this), 10 ** 15) == 17);
        prover.warp(START_S);
        settle(1, T_MS - 1_000, new uint256[](0), new Record[](0));
        deal(2, Ask(DELEGATED | 1, 1, 5, 2 ** 64 - 1, 3, 0, 0));
        assert(clearing.head() >> 192 == 2);
        assert(uint96(clearing.fills(SLOT)) == (3 << 32 | 1));
    }

    /// A batch has the number after the last one, a later time, and one of the window.
    function check_batches_follow_one_another(uint64 number, uint48 time_ms) public {
        uint256 last = clearing.head();
        try this.settle(number, time_ms, new uint256[](0), new Record[](0)) {
            assert(number == (last >> 192) + 1);
            assert(time_ms > (last << 64) >> 208);
            assert(time_ms + 15_000 >= T_MS && time_ms <= T_MS + 1_000);
            assert(clearing.head() >> 192 == number && (clearing.head() << 64) >> 208 == time_ms);
        } catch {
            assert(clearing.head() == last);
        }
    }

    /// Of an order that follows another no more is filled than its size, and a slot never goes back.
    function check_no_order_is_filled_beyond_its_size(uint32 seq, uint64 size, uint64 fill) public {
        prover.assume(seq != 1);
        uint256 before = clearing.fills(SLOT);
        deal(3, Ask(DELEGATED | 1, seq, size, 2 ** 64 - 1, fill, 0, 0));
        uint256 after_ = clearing.fills(SLOT);
        if (after_ == before) return;
        assert(uint32(after_) == seq && seq > 1);
        assert(uint64(after_ >> 32) == fill && fill != 0 && fill <= size);
    }

    /// What was filled of an order before counts.
    function check_an_order_is_not_filled_again_beyond_its_size(uint64 size, bool much) public {
        uint256 before = clearing.fills(SLOT);
        uint64 fill = much ? 2 ** 59 : 2;
        deal(3, Ask(DELEGATED | 1, 1, size, 2 ** 64 - 1, fill, 0, 0));
        uint256 after_ = clearing.fills(SLOT);
        if (after_ == before) return;
        assert(uint32(after_) == 1 && uint64(after_ >> 32) == 3 + fill && 3 + fill <= size);
    }

    function deal(uint256 number, Ask memory ask) internal {
        uint256[] memory prices = new uint256[](1);
        prices[0] = (1 << 240) | (PRICE_E8 << 176) | (2 ** 59 << 112);
        Record[] memory records = new Record[](1);
        records[0].order = (SLOT << 216) | (1 << 200) | (uint256(ask.flags) << 184) | (uint256(ask.seq) << 136)
            | (uint256(2 ** 48 - 1) << 72) | (uint256(ask.size) << 8);
        records[0].terms = (uint256(ask.limit) << 192) | (uint256(ask.fill) << 128);
        records[0].r = ask.r;
        records[0].vs = ask.vs;
        try this.settle(number, T_MS - 1_000 + number, prices, records) {} catch {}
    }

    function settle(uint256 number, uint256 time_ms, uint256[] memory prices, Record[] memory records) public {
        clearing.settle(
            number << 64 | time_ms << 16 | 1 << 8 | 1, new uint256[](0), new Signature[](0), prices, records, 0, new Signature[](0)
        );
    }
}
