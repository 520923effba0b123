// SPDX-License-Identifier: AGPL-3.0-only
pragma solidity 0.8.30;

// What passes between Clearing and Rules, field by field as `contracts/interfaces/IRules.vyi` has it.

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
