/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/table_map.h"

#include <errno.h>

#include "base/pages.h"

static int map(struct table *table, unsigned int family, int fd,
	       int (*take)(struct table *, unsigned int, void *, uint32_t))
{
	size_t element = table_element_size(family), size;
	void *memory = pages_of_map(fd, element, &size);
	int err;

	if (!memory)
		return -errno;
	err = take(table, family, memory, (uint32_t)(size / element));
	if (err < 0)
		pages_free(memory, size);
	return err;
}

int table_map_open(struct table *table, unsigned int family, int fd)
{
	return map(table, family, fd, table_init);
}

int table_map_watch(struct table *table, unsigned int family, int fd)
{
	return map(table, family, fd, table_watch);
}

size_t table_map_size(const struct table *table)
{
	return table_elements(table->family, table_max(table)) * table_element_size(table->family);
}

void table_map_close(struct table *table)
{
	if (table->memory)
		pages_free(table->memory, table_map_size(table));
	table->memory = NULL;
}
