// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The program mxgate; all of it is in ctl_run(), so that tests can call it. */
#include "ctl/ctl.h"

int main(int argc, char *argv[])
{
	return ctl_run(argc, argv, stdout, stderr);
}
