# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# mxgate: `make help` lists the targets.

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system

CC ?= gcc
CLANG ?= clang
LLVM_STRIP ?= llvm-strip
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config

# BUILD is where everything made goes; `make asan` uses a second one.
BUILD ?= build
SAN ?=

PKGS := libxdp libbpf libcares libnl-route-3.0 libnl-3.0 libuv libconfuse jansson sqlite3 libcap-ng libsystemd
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null) -lresolv

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wformat=2 -Werror
CFLAGS ?= -O2 -g
HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
ifneq ($(SAN),)
HARDEN := -fPIE -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
endif
ALL_CFLAGS := -std=gnu11 $(WARN) $(HARDEN) $(CFLAGS) -D_GNU_SOURCE -DMXG_VERSION='"$(VERSION)"' \
	-DMXG_PREFIX='"$(PREFIX)"' -DMXG_SYSCONFDIR='"$(SYSCONFDIR)"' \
	-Iinclude -Iuserspace $(PKG_CFLAGS)
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS)

BPF_CFLAGS := -O2 -g -target bpf -Wall -Wextra -Wshadow -Werror -Iinclude \
	-I/usr/include/$(shell $(CC) -dumpmachine)

LIB_SRC := $(sort $(wildcard userspace/base/*.c userspace/core/*.c userspace/io/*.c))
DAEMON_SRC := $(sort $(wildcard userspace/daemon/*.c))
CTL_SRC := $(sort $(wildcard userspace/ctl/*.c))
UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
BPFTEST_SRC := $(sort $(wildcard tests/bpf/*.c))

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
LIB := $(BUILD)/libmxgate.a

.PHONY: all
all: $(BUILD)/mxgate.bpf.o $(BUILD)/mxgated $(BUILD)/mxgate

# --- the gate -----------------------------------------------------------------

$(BUILD)/mxgate.bpf.o: bpf/gate.bpf.c
	@mkdir -p $(@D) $(BUILD)/obj
	$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(BUILD)/obj/gate.bpf.d -MT $@ -c $< -o $@.tmp
	$(LLVM_STRIP) -g $@.tmp
	mv $@.tmp $@

-include $(BUILD)/obj/gate.bpf.d

# --- userspace ----------------------------------------------------------------

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(EXTRA_CFLAGS) -MMD -MP -c $< -o $@

$(LIB): $(call obj,$(LIB_SRC))
	rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/mxgated: $(call obj,$(DAEMON_SRC)) $(LIB)
	$(CC) $(ALL_LDFLAGS) $^ $(PKG_LIBS) -o $@

$(BUILD)/mxgate: $(call obj,$(CTL_SRC)) $(LIB)
	$(CC) $(ALL_LDFLAGS) $^ $(PKG_LIBS) -o $@

# --- tests --------------------------------------------------------------------

$(call obj,$(UNIT_SRC) $(BPFTEST_SRC)): EXTRA_CFLAGS += -Wno-pedantic -Wno-missing-prototypes

$(BUILD)/test-unit: $(call obj,$(UNIT_SRC)) $(LIB)
	$(CC) $(ALL_LDFLAGS) $^ $(PKG_LIBS) -lcriterion -o $@

$(BUILD)/test-bpf: $(call obj,$(BPFTEST_SRC)) $(LIB)
	$(CC) $(ALL_LDFLAGS) $^ $(PKG_LIBS) -lcriterion -o $@

-include $(patsubst %.c,$(BUILD)/obj/%.d,$(LIB_SRC) $(DAEMON_SRC) $(CTL_SRC) $(UNIT_SRC) $(BPFTEST_SRC))
