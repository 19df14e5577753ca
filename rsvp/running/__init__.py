"""Programs that know nothing of RSVP: their sockets are watched, and signalled for as rules say.

- `rules`: which flows of which sockets, and what is asked for them
- `processes`: a program, and all that descend from it
- `sockets`: what a socket of another process says of itself; `tables` is what the kernel tells of it
- `watch`: what is announced and reserved follows what is open

The application interface of RFC 2205 section 3.11.1 is used on the program's behalf.
"""
