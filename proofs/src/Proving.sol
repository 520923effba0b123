// SPDX-License-Identifier: AGPL-3.0-only
pragma solidity 0.8.30;

/// What the prover offers.
interface Prover {
    function assume(bool holds) external pure;
    function warp(uint256 time_s) external;
    function prank(address sender) external;
}

/// Deploys the bytecode under proof, and asks for what holds of all inputs.
abstract contract Proving {
    Prover internal constant prover = Prover(address(uint160(uint256(keccak256("hevm cheat code")))));

    function deploy(bytes memory code) internal returns (address made) {
        assembly {
            made := create(0, add(code, 32), mload(code))
        }
        assert(made != address(0));
    }

    function magnitude(int256 x) internal pure returns (int256) {
        return x < 0 ? -x : x;
    }
}

interface IProbe {
    function position(int256 base, int256 quote, uint256 mark) external pure returns (uint256);
    function unpack_position(uint256 word) external pure returns (int256 base, int256 quote, int256 index);
    function book(int256 base, int256 quote) external pure returns (uint256);
    function unpack_book(uint256 word) external pure returns (int256 base, int256 quote);
    function entered(uint256 ledger, int256 realised, uint256 fees, int256 pot) external pure returns (uint256);
    function sums(int256 high, int256 middle, int256 low) external pure returns (int256);
    function unpack_sums(int256 word) external pure returns (int256 high, int256 middle, int256 low);
    function ceil_div(uint256 dividend, uint256 divisor) external pure returns (uint256);
    function floor_lots(int256 product) external pure returns (int256);
    function credit(int256 base, int256 step, uint256 scale) external pure returns (int256);
    function shrinks(int256 base, int256 change) external pure returns (bool);
}
