/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/pages.h"

#include <string.h>
#include <sys/mman.h>

void *pages_new(size_t size)
{
	void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		return NULL;
	/* Only a hint, and before the first touch. */
	madvise(pages, size, MADV_HUGEPAGE);
	memset(pages, 0, size);
	return pages;
}

void *pages_share(int fd, size_t size)
{
	void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return pages == MAP_FAILED ? NULL : pages;
}

void pages_free(void *pages, size_t size)
{
	if (pages)
		munmap(pages, size);
}
