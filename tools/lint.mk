# Static and run-time checks of the source: make lint, make sanitize. Builds in folders of their own under $(BUILD).
include Makefile

strict := $(WARN) -Werror
tidied := $(sources:src/%.c=$(BUILD)/lint/tidy/%) $(engine:src/kernel/tile/%.c=$(BUILD)/lint/tidy/kernel/tile/%)
inner   = +@$(MAKE) --no-print-directory -f Makefile

lint-all: lint-format lint-gcc lint-clang lint-cppcheck $(tidied)
	@echo 'lint: clean'

# Layout, and the order of includes.
lint-format:
	clang-format --dry-run -Werror $(sources) $(engine) $(headers) $(units) $(wildcard tests/*.[ch] tests/unit/*.h tests/bench/*.c tests/bench/parts/*.[ch] tests/fuzz/*.[ch] tests/faults/*.c)

lint-gcc:
	$(inner) BUILD=$(BUILD)/lint/gcc WARN='$(strict)' OMPI_CC=gcc all units
lint-clang:
	$(inner) BUILD=$(BUILD)/lint/clang WARN='$(strict)' OMPI_CC=clang all units

# One file each, and only when it or a header has changed.
$(BUILD)/lint/tidy/%: src/%.c $(headers) .clang-tidy src/kernel/.clang-tidy
	@mkdir -p $(@D)
	$(call quiet,TIDY)clang-tidy --quiet $< -- $(filter-out $(MPICC),$(compile)) $(mpi-include) $(isa-flags-x86_64) -DNTK_ISA=x86_64 2>$@.log || \
	  { cat $@.log >&2; exit 1; }
	@touch $@
mpi-include := $(shell $(MPICC) --showme:compile 2>/dev/null || $(MPICC) -show 2>/dev/null | tr ' ' '\n' | grep '^-I')

lint-cppcheck:
	cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability --inline-suppr --error-exitcode=1 --suppressions-list=tools/cppcheck.supp \
	  -j 2 -D_GNU_SOURCE -DNTK_VERSION='"0"' -DNTK_REVISION='"0"' -DNTK_FLAGS='""' -DNTK_ISA=x86_64 -Iinclude -Isrc src

# Another architecture: every file alone, the loops of kernel/tile as they are optimised. Its compiler brings the C library's headers; those of other
# libraries come after them, from where this machine has its own.
cross-headers := $(patsubst -I%,-idirafter %,$(mpi-include)) $(patsubst -isystem,-idirafter,$(DEP_CFLAGS)) -idirafter /usr/include
crossed := $(sources:src/%.c=$(BUILD)/lint/cross/%) $(engine:src/kernel/tile/%.c=$(BUILD)/lint/cross/kernel/tile/%) \
           $(single:%=$(BUILD)/lint/cross/kernel/tile/%.single)
cross-compile = $(CROSS) $(defines) -DNTK_ISA_generic -DNTK_ISA=generic -Iinclude -Isrc $(cross-headers) $(flags) -Werror
cross-all: $(crossed)
	@echo 'cross: $(words $(crossed)) files compile with $(CROSS)'
$(BUILD)/lint/cross/kernel/tile/%: src/kernel/tile/%.c $(headers)
	@mkdir -p $(@D)
	$(call quiet,CC)$(cross-compile) $(tile-flags) -c -o $@ $<
$(BUILD)/lint/cross/kernel/tile/%.single: src/kernel/tile/%.c $(headers)
	@mkdir -p $(@D)
	$(call quiet,CC)$(cross-compile) $(tile-flags) -DNTK_SINGLE -c -o $@ $<
$(BUILD)/lint/cross/%: src/%.c $(headers)
	@mkdir -p $(@D)
	$(call quiet,CC)$(cross-compile) -DNTK_REVISION='""' -DNTK_FLAGS='""' -fsyntax-only $< && touch $@

# Address and undefined-behaviour sanitizers on one and two ranks; then the tests without MPI under valgrind.
sanitized := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
sanitize-all: sanitize-address sanitize-valgrind
	@echo 'sanitize: clean'
sanitize-address: $(BUILD)/sanitize/keep-loaded.o
	$(inner) BUILD=$(BUILD)/sanitize OPT='-O1 -g $(sanitized)' LDFLAGS='$(LDFLAGS) $<' units
	ASAN_OPTIONS=allocator_may_return_null=1:detect_stack_use_after_return=1:strict_string_checks=1:fast_unwind_on_malloc=0 UBSAN_OPTIONS=print_stacktrace=1 \
	  LSAN_OPTIONS=suppressions=tests/lsan.supp:print_suppressions=0 $(PYTHON) tests/run --build $(BUILD)/sanitize --units --ranks 1,2
$(BUILD)/sanitize/keep-loaded.o: tests/keep-loaded.c
	@mkdir -p $(@D)
	$(MPICC) -std=c11 -O1 -c -o $@ $<
sanitize-valgrind: sanitize-address
	$(inner) units
	$(PYTHON) tests/run --build $(BUILD) --units --valgrind --timeout 3000

# Readers of users' files, journals and checkpoints on random input (libFuzzer): make fuzz FUZZ_SECONDS=60, or RUNS=1000000 inputs each;
# FUZZERS='fuzz_study' for some of them. New inputs go to $(BUILD)/fuzz/corpus.
FUZZ_SECONDS ?= 60
FUZZERS ?= $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
fuzz-flags := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined
# Fast: short call stacks of allocations, no filling, a small quarantine.
fuzz-asan := allocator_may_return_null=1:malloc_context_size=1:quarantine_size_mb=8:max_malloc_fill_size=0
fuzz-all: $(FUZZERS:%=fuzz-run-%)
	@echo 'fuzz: clean'
fuzz-library:
	$(inner) BUILD=$(BUILD)/fuzz OPT='$(fuzz-flags) -fsanitize=fuzzer-no-link' OMPI_CC=clang lib
$(FUZZERS:%=$(BUILD)/fuzz/%): $(BUILD)/fuzz/%: fuzz-library
	OMPI_CC=clang $(compile) -Itests -Itests/fuzz $(fuzz-flags) -fsanitize=fuzzer -o $@ tests/fuzz/$*.c $(BUILD)/fuzz/libntkgan.a $(LIBS)
$(FUZZERS:%=fuzz-run-%): fuzz-run-%: $(BUILD)/fuzz/%
	@mkdir -p $(BUILD)/fuzz/corpus/$*
	cd $(BUILD)/fuzz && ASAN_OPTIONS=$(fuzz-asan) LSAN_OPTIONS=suppressions=$(CURDIR)/tests/lsan.supp \
	  ./$* $(if $(RUNS),-runs=$(RUNS),-max_total_time=$(FUZZ_SECONDS)) -max_len=$(if $(filter fuzz_h5,$*),4096,600) -timeout=30 -rss_limit_mb=4096 -print_final_stats=1 -verbosity=0 \
	  corpus/$* $(wildcard $(CURDIR)/tests/fuzz/corpus/$*)

.PHONY: fuzz-all fuzz-library $(FUZZERS:%=fuzz-run-%) lint-all lint-format lint-gcc lint-clang lint-cppcheck sanitize-all sanitize-address sanitize-valgrind
