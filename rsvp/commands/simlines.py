"""What may stand in a scenario file, on a screen: `rsvp sim --lines`."""

from __future__ import annotations

LINES = """\
A statement a line; # begins a comment. Times are 5 or 200us 1ms 30s 2min 1h, rates 500kbit 10mbit 1gbit or
bytes/s, shares 5% or 0.05. What [may be left out] is in brackets, and "..." may be said again.

The network
  host NAME ...             nodes with applications      [refresh TIME] [keep N] [route-delay TIME]
  router NAME ...           nodes that carry RSVP        [blockade N] [slew SHARE]
  plain NAME ...            routers that do not know RSVP
  link END END [RATE] [TIME] [WORD VALUE] ...            RATE is its bandwidth, TIME its delay
  lan END END END ... [RATE] [TIME] [WORD VALUE] ...     END: r1  r1:eth1  r1@10.0.1.1  r1:eth1@10.0.1.1
      WORD: bandwidth delay jitter loss duplicate reorder held reservable per-flow mtu cost
  topology FILE             such lines, or a containerlab file (.yml, .yaml)

How it runs
  run TIME   seed N   refresh TIME   keep N   convergence TIME   addresses ipv4|ipv6|both

What happens: "at TIME" or "every TIME [from TIME]", and then
  NODES send DEST [from :PORT] RATE [bucket N] [peak RATE] [min N] [max N] [ttl N] [no-adspec]
  NODES stop DEST [from :PORT]
  NODES reserve DEST ff|wf|se [RATE] [guaranteed [RATE] [slack N]] [for SENDERS] [and RATE for SENDERS ...]
                [confirm] [ttl N]
  NODES release DEST [for SENDERS]
  NODES open DEST           NODES close DEST             "as NAME" behind these: another application
  NODES join GROUP          NODES leave GROUP
  link A B down|up          link A B loss 30% ...        node NODES crash|restart
  drop MESSAGE|any [from A] [to B] [nth N] [count N|all]
  inject NODE INTERFACE HEX [from ADDRESS] [to ADDRESS] [ttl N]

What is looked at, in the same way
  expect NODE sessions|senders|reservations|requests|installed|refusals [at-least|at-most] N
  expect NODE reserved [INTERFACE] RATE
  expect NODE heard path|path_gone|path_error|resv|resv_gone|resv_error|confirm [[at-least|at-most] N]
  expect empty              nobody remembers anything
  check                     the invariants hold on all nodes
  show NODES WHAT ... [why] WHAT: as with expect, interfaces, counters

NODES: h1  h2,h3  h*      DEST: 239.1.1.1:5000  h2:5000  h2:5000/tcp      SENDERS: h1:4000,h3:4000
"""
