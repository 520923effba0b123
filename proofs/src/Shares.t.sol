// SPDX-License-Identifier: AGPL-3.0-only
pragma solidity 0.8.30;

import {Code} from "./Code.sol";
import {Proving} from "./Proving.sol";

interface IPool {
    function convertToShares(uint256 assets) external view returns (uint256);
    function convertToAssets(uint256 shares) external view returns (uint256);
}

/// Stands where Clearing does: the first epoch was struck at a value and a supply.
contract Struck {
    uint256 internal strike;

    function set(uint256 nav_e6, uint256 supply) external {
        strike = (nav_e6 << 128) | supply;
    }

    function head() external pure returns (uint256) {
        return 2 << 112;
    }

    function strikes(uint256) external view returns (uint256) {
        return strike;
    }
}

/// Converting pays nobody: `contracts/Pool.vy`, C11. Amounts are any; value and supply are pinned at
/// prices below, at and above the first, since no solver decides products of two unknowns.
contract Shares is Proving {
    Struck internal clearing;
    IPool internal pool;

    function setUp() public {
        clearing = new Struck();
        pool = IPool(deploy(bytes.concat(Code.POOL, abi.encode(clearing, address(1), address(2)))));
        clearing.set(3, 2);
        assert(pool.convertToShares(3) == 2 && pool.convertToAssets(2) == 3);
    }

    function check_assets_come_back_as_no_more_below_par(uint64 assets) public {
        there_and_back(assets, 999_983 * 10 ** 6, 1_234_577 * 10 ** 12);
    }

    function check_assets_come_back_as_no_more_above_par(uint64 assets) public {
        there_and_back(assets, 7_654_321 * 10 ** 6, 1_000_003 * 10 ** 12);
    }

    function check_shares_come_back_as_no_more_below_par(uint96 shares) public {
        back_and_there(shares, 999_983 * 10 ** 6, 1_234_577 * 10 ** 12);
    }

    function check_shares_come_back_as_no_more_above_par(uint96 shares) public {
        back_and_there(shares, 7_654_321 * 10 ** 6, 1_000_003 * 10 ** 12);
    }

    function there_and_back(uint256 assets, uint256 nav_e6, uint256 supply) internal {
        clearing.set(nav_e6, supply);
        uint256 shares = pool.convertToShares(assets);
        assert(shares * nav_e6 <= assets * supply);
        assert(pool.convertToAssets(shares) <= assets);
    }

    function back_and_there(uint256 shares, uint256 nav_e6, uint256 supply) internal {
        clearing.set(nav_e6, supply);
        uint256 assets = pool.convertToAssets(shares);
        assert(assets * supply <= shares * nav_e6);
        assert(pool.convertToShares(assets) <= shares);
    }
}
