// SPDX-License-Identifier: AGPL-3.0-only
pragma solidity 0.8.30;

import {Code} from "./Code.sol";
import {Proving} from "./Proving.sol";

interface IDelegates {
    function grant(uint256 account, address key, uint256 markets, uint256 notional_e6, uint256 expiry) external;
    function covers(uint256 account, address key, uint256 order, uint256 limit, uint256 time, bytes32 digest)
        external
        view
        returns (bool);
}

interface ISeals {
    function set_matcher(address matcher) external;
    function matcher_words(uint256 place) external view returns (uint256);
}

interface ITimelock {
    function schedule(
        address target,
        uint256 amount,
        bytes calldata payload,
        bytes32 predecessor,
        bytes32 salt,
        uint256 delay
    ) external;
    function execute(address target, uint256 amount, bytes calldata payload, bytes32 predecessor, bytes32 salt)
        external;
}

/// Stands where Clearing does: every account is this contract's caller's.
contract Owners {
    address internal owner = msg.sender;

    function accounts(uint256) external view returns (uint256) {
        return uint256(uint160(owner)) << 96;
    }
}

/// Who may do what, and not before when: `contracts/Delegates.vy`, `Seals.vy`, `Timelock.vy` (C5, C14).
contract Keys is Proving {
    address internal constant GOVERNANCE = address(0x60);
    address internal constant MATCHER = address(0x61);
    uint256 internal constant DELAY_S = 691_200;
    uint256 internal constant APPROVED = 256 << 184;

    IDelegates internal delegates;
    ISeals internal seals;
    ITimelock internal timelock;
    uint256 internal pinged;

    function setUp() public {
        prover.warp(1_700_000_000);
        Owners owners = new Owners();
        delegates = IDelegates(deploy(bytes.concat(Code.DELEGATES, abi.encode(address(owners)))));
        seals = ISeals(deploy(bytes.concat(Code.SEALS, abi.encode(GOVERNANCE, MATCHER))));
        timelock = ITimelock(deploy(bytes.concat(Code.TIMELOCK, abi.encode(address(this), DELAY_S))));
        witnessed();
    }

    /// What the statements forbid is possible when it is allowed: none of them holds of nothing.
    function witnessed() internal {
        delegates.grant(18, address(0x77), 3, 2 ** 64 - 1, 2 ** 48 - 1);
        assert(delegates.covers(18, address(0x77), 3 << 200, 1, 1, 0));
        timelock.schedule(address(this), 0, abi.encodeCall(this.ping, ()), 0, bytes32(uint256(1)), DELAY_S);
        prover.warp(1_700_000_000 + DELAY_S);
        timelock.execute(address(this), 0, abi.encodeCall(this.ping, ()), 0, bytes32(uint256(1)));
        assert(pinged == 1);
        pinged = 0;
        prover.warp(1_700_000_000);
    }

    function ping() external {
        pinged += 1;
    }

    /// A delegate's key covers no order after its expiry, and none in a market it was not given.
    function check_a_delegate_keeps_to_its_grant(
        uint32 account,
        address key,
        uint128 markets,
        uint64 notional,
        uint48 expiry,
        uint256 order,
        uint64 limit,
        uint48 time,
        bytes32 digest
    ) public {
        prover.assume(account != 18 && order & APPROVED == 0);
        try delegates.grant(account, key, markets, notional, expiry) {}
        catch {
            return;
        }
        if (!delegates.covers(account, key, order, limit, time, digest)) return;
        assert(time <= expiry);
        uint256 market = (order >> 200) & 0xffff;
        bool given = false;
        for (uint256 place = 0; place < 8; place++) {
            if ((uint256(markets) >> (16 * place)) & 0xffff == market) given = true;
        }
        assert(given);
    }

    /// A key nobody granted covers nothing once time has begun, nor does an approval nobody gave.
    function check_a_stranger_covers_nothing(
        uint32 account,
        address key,
        uint256 order,
        uint64 limit,
        uint48 time,
        bytes32 digest
    ) public view {
        prover.assume(time != 0 && account != 18);
        assert(!delegates.covers(account, key, order, limit, time, digest));
    }

    /// Nobody but governance changes the matcher.
    function check_only_governance_names_the_matcher(address caller, address matcher) public {
        prover.assume(caller != GOVERNANCE);
        prover.prank(caller);
        try seals.set_matcher(matcher) {
            assert(false);
        } catch {}
    }

    /// A new matcher serves no batch of the guard time after it was named, and the old one does.
    function check_the_old_matcher_serves_until_the_barrier(address matcher) public {
        prover.assume(matcher != address(0));
        prover.prank(GOVERNANCE);
        seals.set_matcher(matcher);
        uint256 old = seals.matcher_words(0);
        assert(address(uint160(old)) == MATCHER);
        assert(old >> 160 == block.timestamp * 1000 + 3_000);
        assert(seals.matcher_words(1) == uint160(matcher));
    }

    /// What was announced cannot be done one second before its delay is over.
    function check_nothing_acts_before_its_delay(uint64 delay_s, uint64 later_s, bytes32 salt) public {
        prover.assume(salt != bytes32(uint256(1)));
        bytes memory call = abi.encodeCall(this.ping, ());
        try timelock.schedule(address(this), 0, call, 0, salt, delay_s) {}
        catch {
            return;
        }
        assert(delay_s >= DELAY_S);
        prover.assume(later_s < delay_s);
        prover.warp(1_700_000_000 + uint256(later_s));
        try timelock.execute(address(this), 0, call, 0, salt) {
            assert(false);
        } catch {}
        assert(pinged == 0);
    }

    /// What was never announced cannot be done at all.
    function check_nothing_acts_unannounced(uint64 later_s, bytes32 salt) public {
        prover.assume(salt != bytes32(uint256(1)));
        prover.warp(1_700_000_000 + uint256(later_s));
        try timelock.execute(address(this), 0, abi.encodeCall(this.ping, ()), 0, salt) {
            assert(false);
        } catch {}
    }
}
