/* Edge counters for libFuzzer where gcc builds the codec: gcc calls __sanitizer_cov_trace_pc at each
 * branch and leaves it to us what to do there. Compiled in where RSVP_FUZZ is set; see setup.py. */

#include <stddef.h>
#include <stdint.h>

#define COUNTERS (1 << 15)

struct entry {
    uintptr_t pc, flags;
};

static uint8_t counters[COUNTERS];
static struct entry table[COUNTERS];

__attribute__((no_sanitize_coverage, visibility("hidden"))) void __sanitizer_cov_trace_pc(void)
{
    uintptr_t from = (uintptr_t)__builtin_return_address(0) - (uintptr_t)&__sanitizer_cov_trace_pc;
    counters[(from * 0x9E3779B97F4A7C15u) >> 49]++;
}

/* Comparisons are handed on to libFuzzer once it is known. At -O2 that is a jump, so libFuzzer sees the
 * address of the comparison as its caller. */
static void (*compare[8])(uint64_t, uint64_t);

#define COMPARISON(name, type, which) \
    __attribute__((no_sanitize_coverage, visibility("hidden"))) void name(type left, type right) \
    { \
        if (compare[which]) \
            compare[which](left, right); \
    }

COMPARISON(__sanitizer_cov_trace_cmp1, uint8_t, 0)
COMPARISON(__sanitizer_cov_trace_cmp2, uint16_t, 1)
COMPARISON(__sanitizer_cov_trace_cmp4, uint32_t, 2)
COMPARISON(__sanitizer_cov_trace_cmp8, uint64_t, 3)
COMPARISON(__sanitizer_cov_trace_const_cmp1, uint8_t, 4)
COMPARISON(__sanitizer_cov_trace_const_cmp2, uint16_t, 5)
COMPARISON(__sanitizer_cov_trace_const_cmp4, uint32_t, 6)
COMPARISON(__sanitizer_cov_trace_const_cmp8, uint64_t, 7)

#define IGNORED(name, ...) \
    __attribute__((no_sanitize_coverage, visibility("hidden"))) void name(__VA_ARGS__) {}

IGNORED(__sanitizer_cov_trace_cmpf, float left, float right)
IGNORED(__sanitizer_cov_trace_cmpd, double left, double right)
IGNORED(__sanitizer_cov_trace_switch, uint64_t value, void *cases)

/* Learn libFuzzer's functions; tell where the counters, and the table it wants beside them, begin and end. */
__attribute__((no_sanitize_coverage, visibility("default"))) void rsvp_coverage(void *bounds[4], void *functions[8])
{
    for (int n = 0; n < 8; n++)
        compare[n] = (void (*)(uint64_t, uint64_t))functions[n];
    for (size_t n = 0; n < COUNTERS; n++)
        table[n].pc = n + 1;
    bounds[0] = counters;
    bounds[1] = counters + COUNTERS;
    bounds[2] = table;
    bounds[3] = table + COUNTERS;
}
