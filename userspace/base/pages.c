/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/pages.h"

#include <bpf/bpf.h>
#include <errno.h>
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

void *pages_of_map(int fd, size_t element_size, size_t *ret_size)
{
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info);
	void *pages;
	size_t size;

	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return NULL;
	if (info.value_size != element_size) {
		errno = EINVAL;
		return NULL;
	}
	size = (size_t)info.max_entries * element_size;
	pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (pages == MAP_FAILED)
		return NULL;
	*ret_size = size;
	return pages;
}

void pages_free(void *pages, size_t size)
{
	if (pages)
		munmap(pages, size);
}
