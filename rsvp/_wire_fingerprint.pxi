"""What tells messages apart that are not equal: a keyed hash of their bytes (no RFC).

SipHash-2-4 of 128 bits (Aumasson and Bernstein, 2012), written after its description. The key is
made up anew in every process and told to nobody, so that no peer can look for two messages of one hash.
"""

import os

cdef bytes FINGERPRINT_KEY = os.urandom(16)


cdef inline uint64_t turned(uint64_t word, int bits) noexcept nogil:
    return word << bits | word >> (64 - bits)


cdef inline void stir(uint64_t *v, int rounds) noexcept nogil:
    cdef int i
    for i in range(rounds):
        v[0] += v[1]
        v[2] += v[3]
        v[1] = turned(v[1], 13) ^ v[0]
        v[3] = turned(v[3], 16) ^ v[2]
        v[0] = turned(v[0], 32)
        v[2] += v[1]
        v[0] += v[3]
        v[1] = turned(v[1], 17) ^ v[2]
        v[3] = turned(v[3], 21) ^ v[0]
        v[2] = turned(v[2], 32)


cdef void hash_of(const uint8_t *data, Py_ssize_t size, const uint64_t *key, uint64_t *out) noexcept nogil:
    cdef uint64_t v[4]
    cdef uint64_t word
    cdef Py_ssize_t left = size
    v[0] = key[0] ^ 0x736F6D6570736575u
    v[1] = key[1] ^ 0x646F72616E646F6Du ^ 0xEE
    v[2] = key[0] ^ 0x6C7967656E657261u
    v[3] = key[1] ^ 0x7465646279746573u
    while left >= 8:
        memcpy(&word, data, 8)
        v[3] ^= word
        stir(v, 2)
        v[0] ^= word
        data += 8
        left -= 8
    word = 0
    memcpy(&word, data, left)
    word |= <uint64_t> size << 56
    v[3] ^= word
    stir(v, 2)
    v[0] ^= word
    v[2] ^= 0xEE
    stir(v, 4)
    out[0] = v[0] ^ v[1] ^ v[2] ^ v[3]
    v[1] ^= 0xDD
    stir(v, 4)
    out[1] = v[0] ^ v[1] ^ v[2] ^ v[3]


def fingerprint(data, key=FINGERPRINT_KEY):
    """16 bytes that tell a message from all others: equal ones mean equal bytes.

    `key` are 16 bytes, too: those of this process, unless others are given.
    """
    cdef bytes octets = as_bytes(data), secret = as_bytes(key)
    cdef uint64_t out[2]
    cdef uint64_t words[2]
    if PyBytes_GET_SIZE(secret) != sizeof(words):
        raise ValueError(f"a key has 16 bytes, not {PyBytes_GET_SIZE(secret)}")
    memcpy(words, PyBytes_AS_STRING(secret), sizeof(words))
    hash_of(<const uint8_t *> PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets), words, out)
    return PyBytes_FromStringAndSize(<const char *> out, sizeof(out))
