# SPDX-License-Identifier: Apache-2.0
"""Calldata, transactions and logs are what a generic library would make of them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from coincurve import PrivateKey
from eth_abi.abi import encode
from eth_account import Account

from infold.errors import InvariantBroken, Misconfigured, Unavailable, Undecided
from infold.messages import Batch, BatchRecord, PriceVector
from infold.shell.chain import (
    SETTLE_SELECTOR,
    Abi,
    AddressBook,
    Contract,
    Rpc,
    Sender,
    Transaction,
    Unanswered,
    block,
    load_abi,
    revert_reason,
    rlp,
    settle_calldata,
    sign_transaction,
    vector_of_settle,
)
from infold.shell.deploy import create_address
from infold.signing import keccak

SETTLE_TYPES = [
    "uint256",
    "uint256[]",
    "(uint256,uint256)[]",
    "uint256[]",
    "(uint256,uint256,uint256,uint256)[]",
    "bytes32",
    "(uint256,uint256)[]",
]


def a_word(dice: random.Random) -> int:
    return dice.choice([0, 1, 2**256 - 1, dice.getrandbits(256), dice.getrandbits(64)])


def a_batch(dice: random.Random, records: int) -> Batch:
    def words(count: int) -> list[int]:
        return [a_word(dice) for _ in range(count)]

    def pairs(count: int) -> list[tuple[int, int]]:
        return [(a_word(dice), a_word(dice)) for _ in range(count)]

    vector = PriceVector(
        time_ms=1,
        chunks=1,
        opened=1,
        prices={},
        openings=words(dice.randint(0, 64)),
        signatures=pairs(dice.randint(0, 16)),
        root=bytes(32),
    )
    return Batch(
        number=1,
        time_ms=1,
        head=a_word(dice),
        vector=vector,
        price_words=words(dice.randint(0, 20)),
        records=[
            BatchRecord(order=a, terms=b, r=c, vs=d)
            for a, b, c, d in (words(4) for _ in range(records))
        ],
        accepted_root=dice.randbytes(32),
        contents=bytes(32),
        seals=pairs(dice.randint(0, 9)),
    )


@pytest.mark.parametrize("seed", range(30))
def test_settle_calldata_is_what_eth_abi_makes(seed: int) -> None:
    dice = random.Random(seed)
    batch = a_batch(dice, dice.choice([0, 1, 7, 100]))
    generic = encode(
        SETTLE_TYPES,
        [
            batch.head,
            batch.vector.openings,
            batch.vector.signatures,
            batch.price_words,
            [record.words for record in batch.records],
            batch.accepted_root,
            batch.seals,
        ],
    )
    assert settle_calldata(batch) == SETTLE_SELECTOR + generic, f"seed={seed}"
    vector = (batch.head & 2**64 - 1, batch.vector.openings, batch.vector.signatures)
    assert vector_of_settle(SETTLE_SELECTOR + generic) == vector, f"seed={seed}"
    assert vector_of_settle(bytes(4) + generic) is None


@pytest.mark.parametrize("seed", range(20))
def test_a_signed_transaction_is_what_eth_account_makes(seed: int) -> None:
    dice = random.Random(seed)
    key = dice.randbytes(32)
    to = dice.choice([b"", dice.randbytes(20)])
    data = dice.randbytes(dice.choice([0, 1, 55, 56, 300, 70_000]))
    transaction = Transaction(
        chain_id=31337,
        nonce=dice.choice([0, 1, 127, 128, 70_000]),
        tip_wei=dice.choice([0, 10**9]),
        fee_wei_max=3 * 10**9,
        gas=dice.choice([21_000, 16_777_216]),
        to=to,
        data=data,
        value_wei=dice.choice([0, 10**18]),
    )
    generic = Account.sign_transaction(
        {
            "chainId": transaction.chain_id,
            "nonce": transaction.nonce,
            "maxPriorityFeePerGas": transaction.tip_wei,
            "maxFeePerGas": transaction.fee_wei_max,
            "gas": transaction.gas,
            "to": to or "",
            "value": transaction.value_wei,
            "data": data,
            "type": 2,
        },
        key,
    )
    assert sign_transaction(transaction, PrivateKey(key)) == bytes(generic.raw_transaction), seed


def test_rlp_of_the_yellow_papers_examples() -> None:
    assert rlp([b"cat", b"dog"]).hex() == "c88363617483646f67"
    assert rlp(b"").hex() == "80"
    assert rlp([]).hex() == "c0"
    assert rlp(b"\x0f").hex() == "0f"
    assert rlp([[], [[]], [[], [[]]]]).hex() == "c7c0c1c0c3c0c1c0"


def test_create_address_of_a_known_deployment() -> None:
    # The example of EIP-1014's predecessor rule: nonce 0 and 1 of one deployer.
    deployer = bytes.fromhex("6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0")
    assert create_address(deployer, 0).hex() == "cd234a471b72ba2f1ccf0a70fcaba648a5eecd8d"
    assert create_address(deployer, 1).hex() == "343c43a37d37dff08ae8c4a11544c718abb4fcf8"


def test_revert_reasons_are_read_from_data_and_from_messages() -> None:
    data = "0x08c379a0" + encode(["string"], ["clearing: loss meter"]).hex()
    assert revert_reason(data) == "clearing: loss meter"
    assert revert_reason(None, "execution reverted: clearing: no price") == "clearing: no price"
    assert revert_reason("0x08c379a0ff") == "0x08c379a0ff"
    assert revert_reason(None, "execution reverted") == ""


def test_logs_decode_by_the_abi() -> None:
    event = {
        "type": "event",
        "name": "Moved",
        "anonymous": False,
        "inputs": [
            {"name": "who", "type": "address", "indexed": True},
            {"name": "change", "type": "int256", "indexed": False},
            {"name": "words", "type": "uint256[]", "indexed": False},
            {"name": "live", "type": "bool", "indexed": False},
            {"name": "text", "type": "string", "indexed": False},
        ],
    }
    rpc = Rpc("http://127.0.0.1:1")
    contract = Contract(rpc, Abi("Thing", [event]), bytes(20))
    data = encode(["int256", "uint256[]", "bool", "string"], [-5, [1, 2**255], True, "hello"])
    raw = {
        "topics": [
            "0x" + keccak(b"Moved(address,int256,uint256[],bool,string)").hex(),
            "0x" + "00" * 12 + "11" * 20,
        ],
        "data": "0x" + data.hex(),
        "blockNumber": "0x7",
        "blockHash": "0x" + "22" * 32,
        "transactionHash": "0x" + "33" * 32,
        "logIndex": "0x1",
    }
    log = contract.decode_log(raw)
    rpc.close()
    assert log is not None
    assert log.arguments == {
        "who": b"\x11" * 20,
        "change": -5,
        "words": [1, 2**255],
        "live": True,
        "text": "hello",
    }
    assert contract.decode_log(raw | {"topics": ["0x" + "44" * 32]}) is None


def test_calls_that_do_not_fit_the_abi_are_our_fault() -> None:
    function = {
        "type": "function",
        "name": "set",
        "inputs": [{"name": "to", "type": "uint8"}],
        "outputs": [],
    }
    abi = Abi("Thing", [function])
    assert abi.calldata("set", 5)[4:] == (5).to_bytes(32, "big")
    with pytest.raises(InvariantBroken, match="do not fit"):
        abi.calldata("set", 256)
    with pytest.raises(InvariantBroken, match="no function get"):
        abi.calldata("get")


def test_an_address_book_survives_the_disk_and_damage_is_named(tmp_path: Path) -> None:
    book = AddressBook(31337, 7, {"Clearing": b"\x11" * 20, "Vault": b"\x22" * 20})
    path = tmp_path / "addresses.json"
    book.write(path)
    assert AddressBook.read(path) == book
    with pytest.raises(Misconfigured, match="names no Pool"):
        book.address("Pool")
    for damage in (
        "",
        "[]",
        "{}",
        json.dumps({"chain_id": 1, "first_block": 1, "contracts": {"A": "0x11"}}),
    ):
        path.write_text(damage)
        with pytest.raises(Misconfigured, match="is damaged"):
            AddressBook.read(path)
    with pytest.raises(Misconfigured, match="no address book"):
        AddressBook.read(tmp_path / "none.json")


@pytest.mark.parametrize("answer", [None, 5, {}, "0xzz", "zz", "0x00"])
def test_a_node_that_answers_with_no_bytes_is_unavailable(
    answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answered(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        if isinstance(asked, list):
            return httpx.Response(200, json=[{"id": one["id"], "result": answer} for one in asked])
        return httpx.Response(200, json={"id": asked["id"], "result": answer})

    rpc = Rpc("http://node")
    rpc.close()
    monkeypatch.setattr(rpc, "_client", httpx.Client(transport=httpx.MockTransport(answered)))
    oracle = Contract(rpc, load_abi("Oracle"), bytes(20))
    with pytest.raises(Unavailable, match=r"answered|no block"):
        oracle.call("threshold")
    with pytest.raises(Unavailable, match=r"answered|no block"):
        oracle.reads([("threshold",), ("live_count",)])
    with pytest.raises(Unavailable, match=r"answered|no block"):
        block(rpc)


def test_a_lost_connection_is_explained_by_whoever_knows_why() -> None:
    def explain_silence() -> None:
        raise Unavailable("the node was switched off")

    rpc = Rpc("http://127.0.0.1:1", explain_silence)
    with pytest.raises(Unavailable, match="was switched off"):
        rpc.call("eth_blockNumber")
    rpc.close()


def test_a_lost_connection_that_nobody_explains_names_the_node_and_the_call() -> None:
    rpc = Rpc("http://127.0.0.1:1", lambda: None)
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1 did not answer eth_blockNumber"):
        rpc.call("eth_blockNumber")
    rpc.close()


@pytest.mark.parametrize(
    ("status", "content", "may_be_done"),
    [
        (502, "", True),
        (200, "<html>", True),
        (200, "null", True),
        (408, "", True),
        (429, "{}", False),
    ],
)
def test_a_lost_answer_is_told_from_a_request_that_nobody_took(
    monkeypatch: pytest.MonkeyPatch, status: int, content: str, may_be_done: bool
) -> None:
    rpc = node(monkeypatch, lambda _: httpx.Response(status, text=content))
    with pytest.raises(Unavailable) as told:
        rpc.call("eth_sendRawTransaction", "0x")
    assert isinstance(told.value, Unanswered) is may_be_done
    rpc.close()
    unheard = Rpc("http://127.0.0.1:1")
    with pytest.raises(Unavailable) as told:
        unheard.call("eth_sendRawTransaction", "0x")
    assert not isinstance(told.value, Unanswered)
    unheard.close()


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("lost", [True, False])
def test_what_may_be_sent_is_looked_for_by_its_hash(
    monkeypatch: pytest.MonkeyPatch, shown: bool, lost: bool
) -> None:
    fault = {"code": -32002, "message": "request timed out"}

    def answer(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        if asked["method"] == "eth_sendRawTransaction" and not lost:
            return httpx.Response(200, json={"id": asked["id"], "error": fault})
        if asked["method"] == "eth_sendRawTransaction":
            raise httpx.ReadTimeout("timed out", request=request)
        found: object = "0x1"
        if asked["method"] == "eth_getTransactionByHash":
            assert asked["params"] == ["0x" + keccak(b"raw").hex()]
            found = {"hash": asked["params"][0]} if shown else None
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": asked["id"], "result": found})

    sender = Sender(node(monkeypatch, answer), keccak(b"a key"), 1)
    if shown:
        assert sender.send_raw(b"raw") == keccak(b"raw")
    else:
        said = f"may have been sent as 0x{keccak(b'raw').hex()}" if lost else "timed out"
        with pytest.raises(Unavailable, match=said) as told:
            sender.send_raw(b"raw")
        assert isinstance(told.value, Undecided) is lost
    sender.rpc.close()


def node(monkeypatch: pytest.MonkeyPatch, answer: Callable[[httpx.Request], httpx.Response]) -> Rpc:
    rpc = Rpc("http://node")
    rpc.close()
    monkeypatch.setattr(rpc, "_client", httpx.Client(transport=httpx.MockTransport(answer)))
    return rpc


def test_what_a_node_says_begins_no_line_of_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = {"code": -32000, "message": "busy\n2026 INFO all is well\x1b[2J"}
    rpc = node(monkeypatch, lambda _: httpx.Response(200, json={"id": 1, "error": fault}))
    with pytest.raises(Unavailable, match="refused eth_blockNumber: busy") as told:
        rpc.call("eth_blockNumber")
    assert str(told.value).isprintable()
    rpc.close()


def test_a_sender_that_cannot_pay_for_gas_is_told_to_get_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fault = {"code": -32003, "message": "Insufficient funds for gas * price + value"}

    def refuse(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": 1, "error": fault})

    rpc = node(monkeypatch, refuse)
    with pytest.raises(Unavailable, match="send its key ether for gas"):
        rpc.call("eth_sendRawTransaction", "0x")
    rpc.close()
