#include "protocol/crc32c.h"

#include "protocol/bytes.h"

#include <stdbool.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#define HARDWARE_TARGET __attribute__((target("sse4.2")))
#define HARDWARE_U8(crc, n)  _mm_crc32_u8((crc), (n))
#define HARDWARE_U64(crc, n) (uint32_t)_mm_crc32_u64((crc), (n))
#elif defined(__aarch64__) && defined(__linux__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#include <sys/auxv.h>
#if defined(__clang__)
#define HARDWARE_TARGET __attribute__((target("crc")))
#define HARDWARE_U8(crc, n)  __builtin_arm_crc32cb((crc), (n))
#define HARDWARE_U64(crc, n) __builtin_arm_crc32cd((crc), (n))
#else
#define HARDWARE_TARGET __attribute__((target("+crc")))
#define HARDWARE_U8(crc, n)  __builtin_aarch64_crc32cb((crc), (n))
#define HARDWARE_U64(crc, n) __builtin_aarch64_crc32cx((crc), (n))
#endif
#define HWCAP_CRC32_BIT (1ul << 7)
#endif

/* How it works.  The CPU's instruction takes 8 bytes in about three cycles but
 * can begin one each cycle, so three lanes of the input run side by side:
 *
 *   | lane 0 ...... | lane 1 ...... | lane 2 ...... | next three lanes
 *
 * Each lane has a checksum of its own; only lane 0 knows what came before.  A
 * checksum is linear: that of lane 0 followed by lane 1 is lane 0's, shifted
 * over as many zero bytes as lane 1 has, xor lane 1's.  The shift by a fixed
 * length is a linear map of 32 bits, hence four tables of 256 words.  Two lane
 * lengths are used: long ones cost few shifts, short ones serve small inputs.
 *
 * Bit order is that of RFC 3720: the most significant bit of a word is the
 * coefficient of x^0. */

#define POLYNOMIAL       0x82f63b78u
#define LONG_LANE_BYTES  4096
#define SHORT_LANE_BYTES 256

static uint32_t slices[8][256];

static uint32_t multiply_by_x(uint32_t n)
{
	return n >> 1 ^ (n & 1 ? POLYNOMIAL : 0);
}

static void build_slices(void)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t crc = byte;
		for (int bit = 0; bit < 8; bit++)
			crc = multiply_by_x(crc);
		slices[0][byte] = crc;
	}
	for (int slice = 1; slice < 8; slice++) {
		for (int byte = 0; byte < 256; byte++) {
			uint32_t crc = slices[slice - 1][byte];
			slices[slice][byte] = crc >> 8 ^ slices[0][crc & 0xff];
		}
	}
}

static uint32_t update_portable(uint32_t crc, const uint8_t *at, size_t size)
{
	for (; size >= 8; at += 8, size -= 8) {
		uint64_t n;
		memcpy(&n, at, sizeof(n));
		n = le64toh(n) ^ crc;
		crc = slices[7][n & 0xff] ^ slices[6][n >> 8 & 0xff] ^
		      slices[5][n >> 16 & 0xff] ^ slices[4][n >> 24 & 0xff] ^
		      slices[3][n >> 32 & 0xff] ^ slices[2][n >> 40 & 0xff] ^
		      slices[1][n >> 48 & 0xff] ^ slices[0][n >> 56];
	}
	for (; size > 0; at++, size--)
		crc = crc >> 8 ^ slices[0][(crc ^ *at) & 0xff];
	return crc;
}

#ifdef HARDWARE_TARGET

struct shift {
	uint32_t table[4][256];
};

static struct shift over_long_lane;
static struct shift over_short_lane;
static bool have_hardware;

static void build_shift(struct shift *shift, size_t lane_bytes)
{
	/* Where each single bit goes; bit 31 is x^0, so each next lower bit is
	 * the former times x. */
	uint32_t moved[32];
	moved[31] = 1u << 31;
	for (size_t i = 0; i < lane_bytes * 8; i++)
		moved[31] = multiply_by_x(moved[31]);
	for (int bit = 30; bit >= 0; bit--)
		moved[bit] = multiply_by_x(moved[bit + 1]);

	for (int place = 0; place < 4; place++) {
		shift->table[place][0] = 0;
		for (int byte = 1; byte < 256; byte++) {
			int low = __builtin_ctz((unsigned)byte);
			shift->table[place][byte] = shift->table[place][byte & (byte - 1)] ^
						    moved[place * 8 + low];
		}
	}
}

static inline uint32_t apply(const struct shift *shift, uint32_t crc)
{
	return shift->table[0][crc & 0xff] ^ shift->table[1][crc >> 8 & 0xff] ^
	       shift->table[2][crc >> 16 & 0xff] ^ shift->table[3][crc >> 24];
}

static inline uint64_t load_native(const uint8_t *at)
{
	uint64_t n;
	memcpy(&n, at, sizeof(n));
	return n;
}

HARDWARE_TARGET
static uint32_t update_lanes(uint32_t crc, const uint8_t *at, size_t lane_bytes,
			     const struct shift *shift)
{
	uint32_t crc1 = 0;
	uint32_t crc2 = 0;
	for (const uint8_t *end = at + lane_bytes; at < end; at += 8) {
		crc = HARDWARE_U64(crc, load_native(at));
		crc1 = HARDWARE_U64(crc1, load_native(at + lane_bytes));
		crc2 = HARDWARE_U64(crc2, load_native(at + 2 * lane_bytes));
	}
	return apply(shift, apply(shift, crc) ^ crc1) ^ crc2;
}

HARDWARE_TARGET
static uint32_t update_hardware(uint32_t crc, const uint8_t *at, size_t size)
{
	for (; size >= 3 * LONG_LANE_BYTES; at += 3 * LONG_LANE_BYTES, size -= 3 * LONG_LANE_BYTES)
		crc = update_lanes(crc, at, LONG_LANE_BYTES, &over_long_lane);
	for (; size >= 3 * SHORT_LANE_BYTES;
	     at += 3 * SHORT_LANE_BYTES, size -= 3 * SHORT_LANE_BYTES)
		crc = update_lanes(crc, at, SHORT_LANE_BYTES, &over_short_lane);
	for (; size >= 8; at += 8, size -= 8)
		crc = HARDWARE_U64(crc, load_native(at));
	for (; size > 0; at++, size--)
		crc = HARDWARE_U8(crc, *at);
	return crc;
}

static bool detect_hardware(void)
{
#if defined(__x86_64__)
	__builtin_cpu_init();
	return __builtin_cpu_supports("sse4.2");
#else
	return (getauxval(AT_HWCAP) & HWCAP_CRC32_BIT) != 0;
#endif
}

#endif

/* Before main and before any thread, so that crc32c itself has no lock. */
__attribute__((constructor))
static void prepare(void)
{
	build_slices();
#ifdef HARDWARE_TARGET
	build_shift(&over_long_lane, LONG_LANE_BYTES);
	build_shift(&over_short_lane, SHORT_LANE_BYTES);
	have_hardware = detect_hardware();
#endif
}

uint32_t crc32c_portable(uint32_t crc, const void *data, size_t size)
{
	return ~update_portable(~crc, data, size);
}

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
#ifdef HARDWARE_TARGET
	if (have_hardware)
		return ~update_hardware(~crc, data, size);
#endif
	return ~update_portable(~crc, data, size);
}
