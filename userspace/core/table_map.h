/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A verdict table in the memory of a BPF map, which it shares with the gate and with all who
 * map it. Owns that memory and not the map: its descriptor may be closed before.
 */
#ifndef MXGATE_CORE_TABLE_MAP_H
#define MXGATE_CORE_TABLE_MAP_H

#include "core/table.h"

/* table_init(), or table_watch() of one that is empty. 0; -EINVAL: no such table; -errno. */
int table_map_open(struct table *table, unsigned int family, int fd);
int table_map_watch(struct table *table, unsigned int family, int fd);
/* One of memory NULL is fine. */
void table_map_close(struct table *table);

/* What the memory takes, in bytes. */
size_t table_map_size(const struct table *table);

#endif
