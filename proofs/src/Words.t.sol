// SPDX-License-Identifier: AGPL-3.0-only
pragma solidity 0.8.30;

import {Code} from "./Code.sol";
import {IProbe, Proving} from "./Proving.sol";

/// Fields share a storage slot and never each other's bits: `contracts/modules/packing.vy`.
contract Words is Proving {
    IProbe internal probe;

    function setUp() public {
        probe = IProbe(deploy(Code.PROBE));
    }

    /// A position's fields come back as they were put in, for every mark, market and event as the mark has them.
    function check_position_round_trip(int64 base, int88 quote, uint256 mark) public view {
        uint256 word = probe.position(base, quote, mark);
        (int256 base_, int256 quote_, int256 index) = probe.unpack_position(word);
        assert(word >> 216 == mark >> 216);
        assert(base_ == base && quote_ == quote);
        assert(index == int64(uint64(mark >> 80)));
    }

    /// A book's fields come back as they were put in.
    function check_book_round_trip(int64 base, int88 quote) public view {
        uint256 word = probe.book(base, quote);
        (int256 base_, int256 quote_) = probe.unpack_book(word);
        assert(base_ == base && quote_ == quote);
        assert(word << 152 == 0);
    }

    /// What a book has no room for is refused, and nothing else is.
    function check_book_refuses_what_does_not_fit(int256 base, int256 quote) public view {
        bool fits = base == int64(base) && quote == int88(quote);
        try probe.book(base, quote) returns (uint256) {
            assert(fits);
        } catch {
            assert(!fits);
        }
    }

    /// An entry adds to its own field of the ledger and leaves the others alone, or is refused.
    function check_ledger_entries_keep_to_their_fields(uint256 ledger, int64 realised, uint64 fees, int64 pot)
        public
        view
    {
        try probe.entered(ledger, realised, fees, pot) returns (uint256 after_) {
            assert(int256(after_) >> 168 == (int256(ledger) >> 168) + realised);
            assert((after_ << 88) >> 176 == ((ledger << 88) >> 176) + fees);
            assert(int88(uint88(after_)) == int256(int88(uint88(ledger))) + pot);
        } catch {
            int256 whole = (int256(ledger) >> 168) + realised;
            int256 rest = int256(int88(uint88(ledger))) + pot;
            bool fits = whole == int88(whole) && rest == int88(rest);
            assert(!fits || (((ledger << 88) >> 176) + fees) >> 80 != 0);
        }
    }

    /// Two running sums added as one word are their parts' sums: no borrow crosses a border.
    function check_sums_add_part_by_part(int56 a, int88 b, int88 c, int56 d, int88 e, int88 f) public view {
        (int256 high, int256 middle, int256 low) = probe.unpack_sums(probe.sums(a, b, c) + probe.sums(d, e, f));
        assert(high == int256(a) + d);
        assert(middle == int256(b) + e);
        assert(low == int256(c) + f);
    }
}
