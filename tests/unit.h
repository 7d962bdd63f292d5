/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The front of a unit test, with two back ends: Check where HAVE_CHECK is defined, and a few plain
 * lines elsewhere, so that the codec's and the engine's tests run on any machine.
 *
 *     static void decodes_an_empty_table(void) { EXPECT_EQ(lev_table_check(none), LEV_OK); }
 *     UNIT_MAIN("table", CASE(decodes_an_empty_table)) */

#ifndef LEVERET_TESTS_UNIT_H
#define LEVERET_TESTS_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct unit_case {
    const char *name;
    void (*run)(void);
} unit_case;

#define CASE(function)                                                                             \
    { #function, function }

#ifdef HAVE_CHECK

#include <check.h>

#define unit_fail(file, line, ...) _ck_assert_failed(file, line, "failed", __VA_ARGS__)
#define unit_mark(file, line) mark_point()

static const unit_case *unit_cases;

START_TEST(unit_run_case) { unit_cases[_i].run(); }
END_TEST

static inline int unit_run(const char *name, const unit_case *cases, int count) {
    Suite *suite = suite_create(name);
    unit_cases = cases;
    for (int i = 0; i < count; i++) {
        TCase *tc = tcase_create(cases[i].name);
        tcase_set_timeout(tc, 120);
        tcase_add_loop_test(tc, unit_run_case, i, i + 1);
        suite_add_tcase(suite, tc);
    }
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

#else

#define unit_fail(file, line, ...)                                                                 \
    (fprintf(stderr, "%s:%d: ", file, line), fprintf(stderr, __VA_ARGS__), fprintf(stderr, "\n"),  \
     exit(1))
#define unit_mark(file, line) ((void)0)

static inline int unit_run(const char *name, const unit_case *cases, int count) {
    for (int i = 0; i < count; i++) {
        fprintf(stderr, "%s: %s\n", name, cases[i].name);
        cases[i].run();
    }
    printf("100%%: Checks: %d, Failures: 0, Errors: 0\n", count);
    return 0;
}

#endif

#define EXPECT(condition)                                                                          \
    ((condition) ? unit_mark(__FILE__, __LINE__)                                                   \
                 : unit_fail(__FILE__, __LINE__, "expected %s", #condition))

#define EXPECT_EQ(a, b) unit_equal(__FILE__, __LINE__, #a " == " #b, (intmax_t)(a), (intmax_t)(b))

#define EXPECT_STR(a, b) unit_string(__FILE__, __LINE__, #a, a, b)

#define EXPECT_BYTES(ptr, len, expected, n)                                                        \
    EXPECT((size_t)(len) == (size_t)(n) && ((n) == 0 || memcmp(ptr, expected, n) == 0))

static inline void unit_equal(const char *file, int line, const char *what, intmax_t a,
                              intmax_t b) {
    if (a != b) {
        unit_fail(file, line, "expected %s, have %jd and %jd", what, a, b);
    }
    unit_mark(file, line);
}

static inline void unit_string(const char *file, int line, const char *what, const char *a,
                               const char *b) {
    if (strcmp(a, b) != 0) {
        unit_fail(file, line, "expected of %s: \"%s\", have \"%s\"", what, b, a);
    }
    unit_mark(file, line);
}

#define UNIT_MAIN(name, ...)                                                                       \
    int main(void) {                                                                               \
        static const unit_case cases[] = {__VA_ARGS__};                                            \
        return unit_run(name, cases, (int)(sizeof cases / sizeof cases[0]));                       \
    }

#endif
