# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# mxgate: `make help` lists the targets.

VERSION := 0.1.0
DESTDIR ?=
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
MANDIR ?= $(PREFIX)/share/man

ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang
LLVM_STRIP ?= llvm-strip
PKG_CONFIG ?= pkg-config
CLANG_TIDY ?= clang-tidy
CLANG_FORMAT ?= clang-format
CPPCHECK ?= cppcheck

# BUILD is where everything made goes. SAN=address,undefined builds with
# sanitizers; `make asan` does so in a directory of its own.
BUILD ?= build
SAN ?=

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# --- what is needed -----------------------------------------------------------

PKGS := libxdp libbpf libcares libnl-route-3.0 libnl-3.0 libuv jansson sqlite3 \
	libcap-ng libsystemd libpsl libpcre2-8

BARE_GOALS := help clean check-c-ares-new fmt check-layers uninstall
ifneq ($(filter-out $(BARE_GOALS),$(or $(MAKECMDGOALS),all)),)
NEEDED := $(strip $(foreach tool,$(firstword $(CC)) $(CLANG) $(LLVM_STRIP) $(PKG_CONFIG), \
	$(if $(shell command -v $(tool)),,$(tool))))
ifeq ($(NEEDED),)
NEEDED := $(strip $(shell for p in $(PKGS); do $(PKG_CONFIG) --exists $$p || echo $$p; done; \
	$(CC) -E -include uthash.h -x c /dev/null >/dev/null 2>&1 || echo uthash.h))
endif
ifneq ($(NEEDED),)
$(error not found: $(NEEDED); `sudo tools/deps build` installs what the build needs)
endif
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS))
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS)) -lresolv
endif

# --- flags --------------------------------------------------------------------

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wformat=2 -Werror
ifneq ($(findstring clang,$(CC)),)
# LIBBPF_OPTS; callbacks that get a va_list, which gcc leaves alone.
WARN += -Wno-gnu-statement-expression -Wno-format-nonliteral
endif
CFLAGS ?= -O2 -g
ifeq ($(SAN),)
HARDEN := -fPIE -fstack-protector-strong -U_FORTIFY_SOURCE \
	$(if $(filter -O0,$(CFLAGS)),,-D_FORTIFY_SOURCE=2)
else
HARDEN := -fPIE -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
endif
DEFS := -D_GNU_SOURCE -DMXG_VERSION='"$(VERSION)"' -DMXG_PREFIX='"$(PREFIX)"' \
	-DMXG_SYSCONFDIR='"$(SYSCONFDIR)"'
ALL_CFLAGS := -std=gnu11 $(WARN) $(HARDEN) $(CPPFLAGS) $(CFLAGS) $(DEFS) -Iinclude -Iuserspace $(PKG_CFLAGS)
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS)

# Debian keeps asm/types.h in the machine's own directory.
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -fno-strict-aliasing -Wall -Wextra -Wshadow -Werror -Iinclude \
	$(addprefix -I,$(wildcard /usr/include/$(shell uname -m)-linux-gnu))
# Processors that keep loads in order spare the gate its fences: bpf/table_line.h.
ifneq ($(filter x86_64-%,$(shell $(CC) -dumpmachine 2>/dev/null)),)
BPF_CFLAGS += -DMXG_STRONG_ORDER
endif

# --- sources ------------------------------------------------------------------

LIB_SRC := $(sort $(wildcard userspace/base/*.c userspace/core/*.c userspace/io/*.c))
DAEMON_SRC := $(sort $(wildcard userspace/daemon/*.c))
CTL_SRC := $(sort $(wildcard userspace/ctl/*.c))
UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
BPFTEST_SRC := $(sort $(wildcard tests/bpf/*.c))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/*.c))
HOSTILE_SRC := $(sort $(wildcard tests/hostile/*.c))
# Two programs: what is named packets* is about packets, the rest about verdicts.
PACKETS_SRC := $(sort $(filter-out %.bpf.c,$(wildcard tests/bench/packets*.c)))
BENCH_SRC := $(sort $(filter-out tests/bench/packets%,$(wildcard tests/bench/*.c)))
ALL_SRC := $(LIB_SRC) $(DAEMON_SRC) $(CTL_SRC) $(UNIT_SRC) $(BPFTEST_SRC) $(HOSTILE_SRC) \
	$(BENCH_SRC) $(PACKETS_SRC) $(FUZZ_SRC)
FMT_SRC := $(sort $(wildcard include/mxgate/*.h bpf/*.[ch] userspace/*/*.[ch] tests/*/*.[ch]))
# Every file of ours that a shell reads.
SCRIPTS = $(shell grep -rlIE '^#!.*\b(sh|bash)$$|^\# shellcheck shell=' \
	.ci tools tests deploy --exclude-dir=data | sort)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
LIB := $(BUILD)/libmxgate.a
PROGRAMS := $(BUILD)/mxgated $(BUILD)/mxgate
TESTS := $(BUILD)/test-unit $(BUILD)/test-bpf $(BUILD)/hostile
BENCH := $(BUILD)/bench-resolve
PACKETS := $(BUILD)/bench-gate
OTHERS := $(BUILD)/mxgate-word.bpf.o
ESTABLISHED := $(BUILD)/mxgate-established.bpf.o
COMPAT := $(BUILD)/mxgate-compat.bpf.o $(BUILD)/mxgate-established-compat.bpf.o

# What was made with other flags, or from another set of files, is made again.
# $(call stamp,FILE,TEXT) writes FILE only when TEXT differs from its content.
stamp = $(if $(filter-out $(BARE_GOALS),$(or $(MAKECMDGOALS),all)),$(shell mkdir -p $(BUILD); \
	echo '$(subst ','\'',$(2))' | cmp -s - $(1) || echo '$(subst ','\'',$(2))' >$(1)))
FLAGS := $(BUILD)/.flags
FILES := $(BUILD)/.files
BPFFLAGS := $(BUILD)/.bpfflags
$(call stamp,$(FLAGS),$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(PKG_LIBS))
$(call stamp,$(FILES),$(ALL_SRC))
$(call stamp,$(BPFFLAGS),$(CLANG) $(BPF_CFLAGS))

##@ Build

.PHONY: all
all: $(BUILD)/mxgate.bpf.o $(ESTABLISHED) $(COMPAT) $(PROGRAMS) ## mxgated, mxgate and mxgate*.bpf.o in build/ (default)

$(BUILD)/mxgate.bpf.o: bpf/gate.bpf.c $(BPFFLAGS)
	@mkdir -p $(BUILD)/obj
	$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(BUILD)/obj/gate.bpf.d -MT $@ -c $< -o $@.tmp
	$(LLVM_STRIP) -g $@.tmp
	mv $@.tmp $@

# The other trigger, which shares the gate's maps.
$(ESTABLISHED): bpf/established.bpf.c $(BPFFLAGS)
	@mkdir -p $(BUILD)/obj
	$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(BUILD)/obj/established.bpf.d -MT $@ -c $< -o $@.tmp
	$(LLVM_STRIP) -g $@.tmp
	mv $@.tmp $@

# Both for kernels that lack what those want: bpf/kernel.h.
$(BUILD)/mxgate-compat.bpf.o: bpf/gate.bpf.c
$(BUILD)/mxgate-established-compat.bpf.o: bpf/established.bpf.c
$(COMPAT): $(BPFFLAGS)
	@mkdir -p $(BUILD)/obj
	$(CLANG) $(BPF_CFLAGS) -DMXG_COMPAT -MMD -MP -MF $(BUILD)/obj/$(@F:.o=.d) -MT $@ \
		-c $(filter %.c,$^) -o $@.tmp
	$(LLVM_STRIP) -g $@.tmp
	mv $@.tmp $@

# The programs of the packet bench: the sender, the meter, what the gate is compared to.
$(PACKETS).bpf.o: tests/bench/packets.bpf.c $(BPFFLAGS)
	@mkdir -p $(BUILD)/obj
	$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(BUILD)/obj/packets.bpf.d -MT $@ -c $< -o $@

# The gate with another table, to be compared with.
$(OTHERS): bpf/gate.bpf.c $(BPFFLAGS)
	@mkdir -p $(BUILD)/obj
	$(CLANG) $(BPF_CFLAGS) -DMXG_TABLE_WORD -MMD -MP -MF $(BUILD)/obj/$(@F:.o=.d) -MT $@ -c $< -o $@.tmp
	$(LLVM_STRIP) -g $@.tmp
	mv $@.tmp $@

$(BUILD)/obj/%.o: %.c $(FLAGS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(EXTRA_CFLAGS) -MMD -MP -c $< -o $@

$(LIB): $(call obj,$(LIB_SRC)) $(FILES)
	rm -f $@
	$(AR) rcs $@ $(filter %.o,$^)

$(BUILD)/mxgated: $(call obj,$(DAEMON_SRC)) $(LIB) $(FILES)
	$(CC) $(ALL_LDFLAGS) $(filter %.o %.a,$^) $(PKG_LIBS) -o $@

$(BUILD)/mxgate: $(call obj,$(CTL_SRC)) $(LIB) $(FILES)
	$(CC) $(ALL_LDFLAGS) $(filter %.o %.a,$^) $(PKG_LIBS) -o $@

# Criterion's macros are neither pedantic nor prototyped.
$(call obj,$(UNIT_SRC) $(BPFTEST_SRC)): EXTRA_CFLAGS := -Wno-pedantic -Wno-missing-prototypes

# The daemon's parts that stand by themselves.
UNIT_DAEMON_SRC := userspace/daemon/alarms.c userspace/daemon/health.c \
	userspace/daemon/needs.c userspace/daemon/spawn.c

$(BUILD)/test-unit: $(call obj,$(UNIT_SRC) $(filter-out %/main.c,$(CTL_SRC)) $(UNIT_DAEMON_SRC)) $(LIB) $(FILES)
	$(CC) $(ALL_LDFLAGS) $(filter %.o %.a,$^) $(PKG_LIBS) -lcriterion -o $@

$(BUILD)/test-bpf: $(call obj,$(BPFTEST_SRC)) $(LIB) $(FILES)
	$(CC) $(ALL_LDFLAGS) $(filter %.o %.a,$^) $(PKG_LIBS) -lcriterion -o $@

$(BUILD)/hostile: $(call obj,$(HOSTILE_SRC)) $(LIB) $(FILES)
	$(CC) $(ALL_LDFLAGS) $(filter %.o %.a,$^) -lresolv -o $@

$(BENCH): $(call obj,$(BENCH_SRC)) $(LIB) $(FILES)
	$(CC) $(ALL_LDFLAGS) $(filter %.o %.a,$^) $(PKG_LIBS) -o $@

$(PACKETS): $(call obj,$(PACKETS_SRC)) $(LIB) $(FILES) | $(PACKETS).bpf.o
	$(CC) $(ALL_LDFLAGS) $(filter %.o %.a,$^) $(PKG_LIBS) -o $@

# With CC=clang and SAN=fuzzer-no-link and others, in a directory of their own: tools/fuzz.
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(FUZZ_SRC))
$(FUZZERS): $(BUILD)/%: $(BUILD)/obj/tests/fuzz/%.o $(LIB) $(FILES)
	$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer $(filter %.o %.a,$^) $(PKG_LIBS) -o $@

.PHONY: fuzzers
fuzzers: $(FUZZERS)

-include $(BUILD)/obj/gate.bpf.d $(BUILD)/obj/established.bpf.d $(BUILD)/obj/packets.bpf.d \
	$(patsubst $(BUILD)/%.o,$(BUILD)/obj/%.d,$(OTHERS) $(COMPAT))
-include $(patsubst %.c,$(BUILD)/obj/%.d,$(ALL_SRC))

.PHONY: programs-and-tests
programs-and-tests: all $(TESTS) $(BENCH) $(PACKETS) $(PACKETS).bpf.o $(OTHERS)

##@ Test

.PHONY: check
check: check-layers all $(BUILD)/test-unit ## unit tests; need no root
	tools/run-criterion unit $(BUILD)/test-unit

.PHONY: check-bpf
check-bpf: all $(BUILD)/test-bpf ## packets through the gate by BPF_PROG_TEST_RUN; needs root
	MXGATE_BPF_OBJ=$(abspath $(BUILD))/mxgate.bpf.o tools/run-criterion bpf $(BUILD)/test-bpf

.PHONY: check-bpf-compat
check-bpf-compat: all $(BUILD)/test-bpf ## the same through the gate for older kernels; needs root
	MXGATE_BPF_OBJ=$(abspath $(BUILD))/mxgate-compat.bpf.o tools/run-criterion bpf-compat $(BUILD)/test-bpf

.PHONY: fuzz-packets
fuzz-packets: all $(BUILD)/test-bpf ## random packets, gate against reference; FUZZ_FRAMES=10000000; needs root
	MXGATE_FUZZ_FRAMES=$(or $(FUZZ_FRAMES),10000000) MXGATE_BPF_OBJ=$(abspath $(BUILD))/mxgate.bpf.o \
		tools/run-criterion fuzz-packets $(BUILD)/test-bpf --filter 'gate_fuzz/*'

.PHONY: transcripts
transcripts: all ## what real mail clients make of a refusal, seen and written down; needs root
	MXG_WRITE=1 MXG_BUILD=$(abspath $(BUILD)) tests/e2e/run reject-clients

.PHONY: check-corpus
check-corpus: all $(BUILD)/hostile ## `mxgate check` against the table of zone cases; needs root
	MXG_BUILD=$(abspath $(BUILD)) tests/e2e/check-corpus

.PHONY: check-differential
check-differential: all $(BUILD)/hostile ## the same cases, judged by Postfix and by Exim too; needs root
	MXG_BUILD=$(abspath $(BUILD)) tests/e2e/check-differential

.PHONY: check-e2e
check-e2e: all $(BUILD)/hostile ## mail through the gate, in namespaces; needs root
	MXG_BUILD=$(abspath $(BUILD)) tests/e2e/run -j 4

.PHONY: check-drills
check-drills: all $(BUILD)/hostile $(PACKETS) $(PACKETS).bpf.o ## DNS outages: no good host is refused; needs root
	MXG_BUILD=$(abspath $(BUILD)) tests/e2e/run -v -j 4 --drills

.PHONY: check-drill-hour
check-drill-hour: all $(BUILD)/hostile ## a soak: one outage at true scale, 75 minutes; needs root
	MXG_BUILD=$(abspath $(BUILD)) tests/e2e/run --soaks zones-emptied-hour

.PHONY: test
test: ## every test, and the sum of them; needs root
	BUILD=$(BUILD) tools/test --no-deps

.PHONY: bench-resolve
bench-resolve: all $(BENCH) ## verdicts a second, next to other tools; needs root; BENCH_ARGS=--smoke
	MXG_BUILD=$(abspath $(BUILD)) tests/bench/resolve $(BENCH_ARGS)

.PHONY: bench-gate
bench-gate: all $(PACKETS) $(PACKETS).bpf.o $(OTHERS) ## ns a packet, next to other filters; needs root; BENCH_ARGS='--sources 10000'
	MXG_BUILD=$(abspath $(BUILD)) tests/bench/gate $(BENCH_ARGS)

.PHONY: check-bench-gate
check-bench-gate: all $(PACKETS) $(PACKETS).bpf.o $(OTHERS) ## the gate costs a packet no more than some bare drops; needs root
	MXG_BUILD=$(abspath $(BUILD)) tests/bench/gate --check

.PHONY: vm
vm: all ## under Debian's kernel in qemu: dispatcher, old verifier; SUITE=bookworm-backports or bullseye
	BUILD=$(BUILD) tools/vm-run $(if $(SUITE),--suite $(SUITE)) tests/vm/dispatcher.sh

.PHONY: check-c-ares-new
check-c-ares-new: ## in a Debian 12 (c-ares 1.18, clang 14) and a Debian 13 (1.34, 19); SUITES="bpf corpus"
	tools/chroot-check $(SUITES)

.PHONY: fuzz
fuzz: ## libFuzzer over the parsers and the iprev machine, FUZZ_SECONDS=60 (see tools/fuzz)
	BUILD=$(BUILD) tools/fuzz

.PHONY: fuzz-merge
fuzz-merge: ## what make fuzz has found, as far as it is new, into tests/fuzz/corpus
	BUILD=$(BUILD) tools/fuzz --merge

.PHONY: fuzz-coverage
fuzz-coverage: ## the lines that tests/fuzz/corpus reaches
	BUILD=$(BUILD) tools/fuzz --coverage

.PHONY: asan
asan: ## unit and e2e with the address and undefined-behaviour sanitizers; needs root
	BUILD=$(BUILD) tools/run-asan

##@ Care for the source

.PHONY: lint
lint: ## clang-tidy, cppcheck, both compilers, layers, format, shellcheck
	BUILD=$(BUILD) tools/lint

.PHONY: check-layers
check-layers: ## who may include whom
	@tools/check-layers

.PHONY: lint-format
lint-format:
	@$(CLANG_FORMAT) --dry-run -Werror $(FMT_SRC)

.PHONY: lint-cppcheck
lint-cppcheck:
	@mkdir -p $(BUILD)/lint/cppcheck
	@$(CPPCHECK) --quiet --std=c11 --enable=warning,performance,portability \
		--library=tools/cppcheck.cfg --inline-suppr --error-exitcode=1 --cppcheck-build-dir=$(BUILD)/lint/cppcheck \
		--suppress=missingIncludeSystem --suppress=uninitvar $(filter -I% -D%,$(DEFS) -Iinclude -Iuserspace) \
		$(LIB_SRC) $(DAEMON_SRC) $(CTL_SRC)

.PHONY: lint-shell
lint-shell:
	@shellcheck --severity=warning --shell=bash $(SCRIPTS)

# A file is looked at again when it or a header of its has changed.
.PHONY: lint-tidy
lint-tidy: $(patsubst %.c,$(BUILD)/lint/%.tidy,$(ALL_SRC))

$(BUILD)/lint/%.tidy: %.c $(BUILD)/obj/%.o .clang-tidy
	@mkdir -p $(@D)
	@$(CLANG_TIDY) --quiet $< -- $(ALL_CFLAGS) $(EXTRA_CFLAGS) >$@.out 2>$@.err || \
		{ cat $@.out $@.err; exit 1; }
	@mv $@.out $@

.PHONY: fmt
fmt: ## formats the source in place
	$(CLANG_FORMAT) -i $(FMT_SRC)

##@ Install

MAN := $(BUILD)/man/mxgate.1 $(BUILD)/man/mxgate.conf.5 $(BUILD)/man/mxgate-iprev.7 \
	$(BUILD)/man/mxgated.8

.PHONY: man
man: $(MAN) ## man pages in build/man/

$(BUILD)/man/mxgate.1: $(BUILD)/mxgate
	@mkdir -p $(@D)
	$(BUILD)/mxgate --dump-man >$@

$(BUILD)/man/mxgate.conf.5: $(BUILD)/mxgated
	@mkdir -p $(@D)
	$(BUILD)/mxgated --dump-man >$@

$(BUILD)/man/mxgated.8: deploy/man/mxgated.8 $(FLAGS)
	@mkdir -p $(@D)
	sed 's|@VERSION@|$(VERSION)|g; s|@PREFIX@|$(PREFIX)|g; s|@SYSCONFDIR@|$(SYSCONFDIR)|g' $< >$@

$(BUILD)/man/mxgate-iprev.7: deploy/man/mxgate-iprev.7 tests/data/iprev/cases.tsv tools/iprev-table $(FLAGS)
	@mkdir -p $(@D)
	tools/iprev-table man | sed 's|@VERSION@|$(VERSION)|g' >$@

# $(call put,MODE,FROM,TO)
put = install -D -m $(1) $(2) $(DESTDIR)$(3)
fill = sed 's|@PREFIX@|$(PREFIX)|g; s|@SYSCONFDIR@|$(SYSCONFDIR)|g' deploy/$(1) >$(BUILD)/$(notdir $(1))

.PHONY: install
install: all man ## into DESTDIR, PREFIX=/usr/local; keeps a configuration that is there
	$(call put,755,$(BUILD)/mxgated,$(PREFIX)/sbin/mxgated)
	$(call put,755,$(BUILD)/mxgate,$(PREFIX)/bin/mxgate)
	$(call put,644,$(BUILD)/mxgate.bpf.o,$(PREFIX)/lib/mxgate/mxgate.bpf.o)
	$(call put,644,$(ESTABLISHED),$(PREFIX)/lib/mxgate/mxgate-established.bpf.o)
	$(call put,644,$(BUILD)/mxgate-compat.bpf.o,$(PREFIX)/lib/mxgate/mxgate-compat.bpf.o)
	$(call put,644,$(BUILD)/mxgate-established-compat.bpf.o,$(PREFIX)/lib/mxgate/mxgate-established-compat.bpf.o)
	$(call put,755,deploy/ip-link/mxgate-ip-link,$(PREFIX)/lib/mxgate/mxgate-ip-link)
	test -e $(DESTDIR)$(SYSCONFDIR)/mxgate/mxgate.conf || \
		$(call put,644,deploy/mxgate.conf,$(SYSCONFDIR)/mxgate/mxgate.conf)
	test -e $(DESTDIR)$(SYSCONFDIR)/mxgate/rdns.patterns || \
		$(call put,644,deploy/rdns.patterns,$(SYSCONFDIR)/mxgate/rdns.patterns)
	$(call fill,systemd/mxgated.service)
	$(call put,644,$(BUILD)/mxgated.service,$(UNITDIR)/mxgated.service)
	$(call fill,systemd/mxgate-ip-link@.service)
	$(call put,644,$(BUILD)/mxgate-ip-link@.service,$(UNITDIR)/mxgate-ip-link@.service)
	$(call put,644,deploy/systemd/sysusers.conf,$(PREFIX)/lib/sysusers.d/mxgate.conf)
	$(call put,644,deploy/systemd/tmpfiles.conf,$(PREFIX)/lib/tmpfiles.d/mxgate.conf)
	$(call put,644,$(BUILD)/man/mxgate.1,$(MANDIR)/man1/mxgate.1)
	$(call put,644,$(BUILD)/man/mxgate.conf.5,$(MANDIR)/man5/mxgate.conf.5)
	$(call put,644,$(BUILD)/man/mxgate-iprev.7,$(MANDIR)/man7/mxgate-iprev.7)
	$(call put,644,$(BUILD)/man/mxgated.8,$(MANDIR)/man8/mxgated.8)
	$(call put,644,deploy/completion/mxgate.bash,$(PREFIX)/share/bash-completion/completions/mxgate)
	@$(if $(DESTDIR),:,echo 'next: systemd-sysusers; systemd-tmpfiles --create; systemctl daemon-reload; \
	edit $(SYSCONFDIR)/mxgate/mxgate.conf; systemctl start mxgated')

.PHONY: uninstall
uninstall: ## removes what install put there, except the configuration
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/,sbin/mxgated bin/mxgate \
		lib/sysusers.d/mxgate.conf lib/tmpfiles.d/mxgate.conf \
		share/bash-completion/completions/mxgate)
	rm -f $(DESTDIR)$(UNITDIR)/mxgated.service $(DESTDIR)$(UNITDIR)/mxgate-ip-link@.service
	rm -f $(addprefix $(DESTDIR)$(MANDIR)/,man1/mxgate.1 man5/mxgate.conf.5 man7/mxgate-iprev.7 \
		man8/mxgated.8)
	rm -rf $(DESTDIR)$(PREFIX)/lib/mxgate

##@ Other

.PHONY: clean
clean: ## removes what was built
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-clang $(BUILD)-fuzz $(BUILD)-fuzzcov

.PHONY: help
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@printf '\nVariables: BUILD=%s PREFIX=%s DESTDIR=%s CC=%s CLANG=%s SAN=%s\n' \
		'$(BUILD)' '$(PREFIX)' '$(DESTDIR)' '$(CC)' '$(CLANG)' '$(SAN)'
