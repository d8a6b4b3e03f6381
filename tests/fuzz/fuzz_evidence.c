// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Evidence that comes back from a file which may be damaged: whatever the bytes, it is
 * nothing, or an object whose texts are safe to print.
 */
#include <string.h>

#include "core/evidence.h"
#include "fuzz.h"

static void check_texts(const json_t *value)
{
	const char *key;
	const json_t *one;
	size_t i;

	if (json_is_string(value))
		for (const char *c = json_string_value(value); *c; c++)
			CHECK(*c >= 0x20 && *c <= 0x7e);
	json_array_foreach (value, i, one)
		check_texts(one);
	json_object_foreach ((json_t *)value, key, one)
		check_texts(one);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct addr addr = {4, {192, 0, 2, 1}};
	uint8_t *exact = malloc(size ? size : 1);
	json_t *evidence;

	if (!exact)
		return 0;
	if (size > 0)
		memcpy(exact, data, size);
	if (size > 0 && data[size - 1] & 1)
		addr = (struct addr){6, {0x20, 0x01, 0x0d, 0xb8}};
	evidence = evidence_unpack(&addr, exact, size);
	if (evidence) {
		CHECK(json_is_object(evidence));
		check_texts(evidence);
	}
	json_decref(evidence);
	free(exact);
	return 0;
}
