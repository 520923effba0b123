# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Outflow
@license AGPL-3.0-only
@notice How much may leave the vault at once, and the queue of what may not: a fault elsewhere cannot empty it in an hour.
@dev Units: money e6, time s. The rules, word by word: docs/protocol.md section 8.
     C12 whatever waits is paid in the order it came, and 7 days after it came at the latest: nobody may veto it
     Net outflow runs down over a window. A deposit counts against it, beyond zero too, so that paying in and taking
     out again uses up nobody's room.
"""

from ..interfaces import IVault


WINDOW_S: constant(uint256) = 3_600             # what left counts less and less for so long
QUEUE_S: constant(uint256) = 604_800            # 7 days, the longest wait: what the timelock's delay leaves room for

# Bounds of what governance may set: neither a vault that pays nothing nor one that pays everything.
SHARE_E6_MIN: constant(uint256) = 20_000        # 2 % an hour still empties the vault in the 7 days of the queue
SHARE_E6_MAX: constant(uint256) = 500_000
FLOOR_E6_MIN: constant(uint256) = 10**11        # 100,000 USDC
FLOOR_E6_MAX: constant(uint256) = 10**13
QUOTA_E6_MIN: constant(uint256) = 10**9         # 1,000 USDC: most people never meet the queue
QUOTA_E6_MAX: constant(uint256) = 10**11


# An amount that runs down to zero, over a window from then on.
struct Used:
    amount_e6: int256
    at_s: uint256


struct Limits:
    share_e6: uint256       # of what is accounted for: the net outflow a window is free
    floor_e6: uint256       # or this, where it is more
    quota_e6: uint256       # what each recipient gets besides


struct Ticket:
    to: address
    amount_e6: uint256
    end_e6: uint256         # of all that was ever queued, this one included: its turn has come when so much is freed
    due_s: uint256          # its last day


outflow_limits: public(Limits)
flow: public(Used)                              # net outflow: below zero, more came in
queued_e6: public(uint256)                      # of all time
freed_e6: public(uint256)                       # of all time: what of it has had its turn
waiting_e6: public(uint256)                     # of tickets that were not pulled: part of what is accounted for
ticket_count: public(uint256)
tickets: public(HashMap[uint256, Ticket])       # empty once it is pulled
quotas: public(HashMap[address, Used])          # recipient: what it has had of its quota


@deploy
def __init__():
    # 10 % or 1,000,000 USDC an hour, 10,000 each besides
    self._set(100_000, 10**12, 10**10)


@internal
def _set(share_e6: uint256, floor_e6: uint256, quota_e6: uint256):
    assert share_e6 >= SHARE_E6_MIN and share_e6 <= SHARE_E6_MAX, "vault: share out of range"
    assert floor_e6 >= FLOOR_E6_MIN and floor_e6 <= FLOOR_E6_MAX, "vault: floor out of range"
    assert quota_e6 >= QUOTA_E6_MIN and quota_e6 <= QUOTA_E6_MAX, "vault: quota out of range"
    self.outflow_limits = Limits(share_e6=share_e6, floor_e6=floor_e6, quota_e6=quota_e6)
    log IVault.OutflowSet(share_e6=share_e6, floor_e6=floor_e6, quota_e6=quota_e6)


@internal
def _enter(amount_e6: uint256, accounted_e6: uint256):
    """
    @notice Count what came in, and let it free what waits.
    @param accounted_e6 With it.
    """
    level: int256 = self._left(self.flow) - convert(amount_e6, int256)
    self._advance(level, self._capacity(accounted_e6))


@internal
def _leave(to: address, amount_e6: uint256, accounted_e6: uint256) -> uint256:
    """
    @notice Count what is to leave, and queue what may not leave yet.
    @param accounted_e6 Before it.
    @return what may be paid now
    """
    capacity: uint256 = self._capacity(accounted_e6)
    self._advance(self._left(self.flow), capacity)
    level: int256 = self.flow.amount_e6
    paid: uint256 = 0
    if self.queued_e6 == self.freed_e6:
        # nobody waits
        paid = min(amount_e6, self._room(level, capacity))
        level += convert(paid, int256)
    if paid != amount_e6:
        # quotas may fill the window once more and no further: many recipients are not more than twice the share
        used: uint256 = convert(self._left(self.quotas[to]), uint256)
        quota: uint256 = self.outflow_limits.quota_e6
        own: uint256 = min(quota - min(used, quota), self._room(level, 2 * capacity))
        extra: uint256 = min(amount_e6 - paid, own)
        if extra != 0:
            self.quotas[to] = Used(amount_e6=convert(used + extra, int256), at_s=block.timestamp)
            paid += extra
            level += convert(extra, int256)
    self.flow.amount_e6 = level
    if paid != amount_e6:
        self._queue(to, amount_e6 - paid)
    return paid


@internal
def _pull(ticket: uint256, accounted_e6: uint256) -> (address, uint256):
    """
    @notice Take out a ticket whose turn has come, or its last day.
    @return whom to pay, and how much
    """
    found: Ticket = self.tickets[ticket]
    assert found.amount_e6 != 0, "vault: no such ticket"
    self._advance(self._left(self.flow), self._capacity(accounted_e6))
    if self.freed_e6 < found.end_e6:
        assert block.timestamp >= found.due_s, "vault: ticket waits"
        self.freed_e6 = found.end_e6        # whoever came before is as old

    self.tickets[ticket] = empty(Ticket)
    self.waiting_e6 -= found.amount_e6
    log IVault.Pulled(ticket=ticket)
    return found.to, found.amount_e6


@internal
def _queue(to: address, amount_e6: uint256):
    ticket: uint256 = self.ticket_count
    end_e6: uint256 = self.queued_e6 + amount_e6
    due_s: uint256 = block.timestamp + QUEUE_S
    self.ticket_count = ticket + 1
    self.queued_e6 = end_e6
    self.waiting_e6 += amount_e6
    self.tickets[ticket] = Ticket(to=to, amount_e6=amount_e6, end_e6=end_e6, due_s=due_s)
    log IVault.Queued(ticket=ticket, to=to, amount_e6=amount_e6, end_e6=end_e6, due_s=due_s)


@internal
def _advance(level: int256, capacity: uint256):
    """
    @notice Free as much of the queue as there is room for: what is freed has left, whenever it is pulled.
    @param level Net outflow as it is now.
    """
    step: uint256 = 0
    waiting: uint256 = self.queued_e6 - self.freed_e6
    if waiting != 0:
        step = min(waiting, self._room(level, capacity))
        self.freed_e6 += step
    self.flow = Used(amount_e6=level + convert(step, int256), at_s=block.timestamp)


@internal
@view
def _capacity(accounted_e6: uint256) -> uint256:
    return max(accounted_e6 * self.outflow_limits.share_e6 // 10**6, self.outflow_limits.floor_e6)


@internal
@pure
def _room(level: int256, capacity: uint256) -> uint256:
    return convert(max(convert(capacity, int256) - level, 0), uint256)


@internal
@view
def _left(used: Used) -> int256:
    """
    @notice What is left of an amount, rounded toward zero.
    """
    rest_s: uint256 = WINDOW_S - min(block.timestamp - used.at_s, WINDOW_S)
    return used.amount_e6 * convert(rest_s, int256) // convert(WINDOW_S, int256)
