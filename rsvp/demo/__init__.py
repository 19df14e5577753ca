"""`rsvp demo`: one flow through an overloaded link, without a reservation and with one.

The rooms: `traffic` sends and measures packets, `network` builds the four nodes with their daemons
and makes the reservation, `run` conducts, `report` tells people, `plot` draws.
"""
