/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Two panels, one above the other. The upper one has a time for each share of messages: the axis
 * gives every further nine the same width, as HdrHistogram's plots do, because the tail is what
 * matters; times are logarithmic. The lower one has rates over the seconds of the run.
 *
 * Colours are classes, given for light pages, and anew for those who prefer dark ones. */

#include "chart.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    CHART_WIDTH = 760,
    CHART_HEIGHT = 640,
    PANEL_LEFT = 90,
    PANEL_WIDTH = 640,
    PANEL_HEIGHT = 220,
    UPPER_TOP = 50,
    LOWER_TOP = 360,
    CHART_STEPS = 400 /* of a curve */
};

/* Where values lie in a panel. */
typedef struct panel {
    double top;
    double x_max; /* from 0 */
    double y_min; /* logarithms in the upper panel */
    double y_max;
} panel;

static void svg_put(buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void svg_put(buffer *b, const char *format, ...) {
    char text[1024];
    va_list values;
    va_start(values, format);
    /* As in say.c. */
    vsnprintf(text, sizeof text, format, values); /* NOLINT(clang-analyzer-valist.Uninitialized) */
    va_end(values);
    buffer_text(b, text);
}

static double panel_x(const panel *p, double v) { return PANEL_LEFT + v / p->x_max * PANEL_WIDTH; }

static double panel_y(const panel *p, double v) {
    return p->top + PANEL_HEIGHT - (v - p->y_min) / (p->y_max - p->y_min) * PANEL_HEIGHT;
}

static void svg_begin(buffer *b) {
    svg_put(b,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
            "height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n",
            CHART_WIDTH, CHART_HEIGHT, CHART_WIDTH, CHART_HEIGHT);
    svg_put(b, "<style>\n"
               ".page{fill:#ffffff} text{fill:#24292f} .grid{stroke:#d0d7de} "
               ".frame{stroke:#57606a;fill:none}\n"
               ".curve{fill:none;stroke-width:2} .one{stroke:#0550ae} .two{stroke:#bc4c00}\n"
               "@media (prefers-color-scheme: dark){\n"
               ".page{fill:#0d1117} text{fill:#e6edf3} .grid{stroke:#30363d} "
               ".frame{stroke:#8b949e}\n"
               ".one{stroke:#58a6ff} .two{stroke:#f0883e}}\n"
               "</style>\n");
    svg_put(b, "<rect class=\"page\" width=\"%d\" height=\"%d\"/>\n", CHART_WIDTH, CHART_HEIGHT);
}

static void svg_frame(buffer *b, const panel *p, const char *title, const char *x, const char *y) {
    double middle = p->top + PANEL_HEIGHT / 2.0;
    svg_put(b,
            "<rect class=\"frame\" x=\"%d\" y=\"%.0f\" width=\"%d\" height=\"%d\"/>\n"
            "<text x=\"%d\" y=\"%.0f\" font-size=\"15\">%s</text>\n",
            PANEL_LEFT, p->top, PANEL_WIDTH, PANEL_HEIGHT, PANEL_LEFT, p->top - 14, title);
    svg_put(b,
            "<text x=\"%d\" y=\"%.0f\" text-anchor=\"middle\">%s</text>\n"
            "<text x=\"22\" y=\"%.0f\" text-anchor=\"middle\" "
            "transform=\"rotate(-90 22 %.0f)\">%s</text>\n",
            PANEL_LEFT + PANEL_WIDTH / 2, p->top + PANEL_HEIGHT + 38, x, middle, middle, y);
}

static void svg_tick_x(buffer *b, const panel *p, double v, const char *label) {
    double x = panel_x(p, v);
    svg_put(b,
            "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
            "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n",
            x, p->top, x, p->top + PANEL_HEIGHT, x, p->top + PANEL_HEIGHT + 18, label);
}

static void svg_tick_y(buffer *b, const panel *p, double v, const char *label) {
    double y = panel_y(p, v);
    svg_put(b,
            "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>"
            "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
            PANEL_LEFT, y, PANEL_LEFT + PANEL_WIDTH, y, PANEL_LEFT - 8, y + 4, label);
}

/* The `place`th entry of a legend. */
static void svg_legend(buffer *b, const panel *p, int place, const char *class, const char *text) {
    int x = PANEL_LEFT + PANEL_WIDTH - 100 * (place + 1);
    svg_put(b,
            "<line class=\"curve %s\" x1=\"%d\" y1=\"%.0f\" x2=\"%d\" y2=\"%.0f\"/>"
            "<text x=\"%d\" y=\"%.0f\">%s</text>\n",
            class, x, p->top - 18, x + 22, p->top - 18, x + 28, p->top - 14, text);
}

/* ---- the distribution ---------------------------------------------------------------------------
 */

/* How many nines there are to see: no more than there are messages for, and at least two. */
static unsigned chart_nines(const load *l) {
    uint64_t count =
        l->latency.count > l->counts.confirm.count ? l->latency.count : l->counts.confirm.count;
    unsigned nines = 1;
    while (count >= 10 && nines < 6) {
        count /= 10;
        nines++;
    }
    return nines > 2 ? nines - 1 : 2;
}

/* Logarithms of milliseconds. */
static double chart_log(uint64_t ns) { return log10(ns > 0 ? (double)ns / 1e6 : 1e-6); }

static void chart_times(buffer *b, const panel *p, const histogram *h, bool confirms) {
    const char *class = confirms ? "two" : "one";
    if (h->count == 0) {
        return;
    }
    svg_legend(b, p, confirms ? 0 : 1, class, confirms ? "confirm" : "latency");
    svg_put(b, "<polyline class=\"curve %s\" points=\"", class);
    for (int i = 0; i <= CHART_STEPS; i++) {
        double nines = p->x_max * i / CHART_STEPS;
        double share = 1 - pow(10, -nines);
        uint32_t millionths = (uint32_t)(share * 1e6 + 0.5);
        uint64_t ns = i == 0 ? h->min : histogram_at(h, millionths);
        svg_put(b, "%.1f,%.1f ", panel_x(p, nines), panel_y(p, chart_log(ns)));
    }
    svg_put(b, "\"/>\n");
}

static void chart_time_ticks(buffer *b, const panel *p) {
    static const int steps[] = {1, 2, 5};
    bool few = p->y_max - p->y_min < 2.5;
    for (int power = (int)p->y_min; power <= (int)p->y_max; power++) {
        for (int k = 0; k < (few ? 3 : 1); k++) {
            char label[32];
            double ms = steps[k] * pow(10, power);
            double at = log10(ms);
            snprintf(label, sizeof label,
                     ms >= 1000 ? "%g s"
                     : ms >= 1  ? "%g ms"
                                : "%g us",
                     ms >= 1000 ? ms / 1000
                     : ms >= 1  ? ms
                                : ms * 1000);
            if (at <= p->y_max + 1e-9) {
                svg_tick_y(b, p, at, label);
            }
        }
    }
}

/* Makes the range of times wide enough for a histogram. */
static void chart_widen(panel *p, const histogram *h) {
    if (h->count > 0) {
        p->y_min = fmin(p->y_min, floor(chart_log(h->min)));
        p->y_max = fmax(p->y_max, ceil(chart_log(h->max)));
    }
}

static void chart_distribution(const load *l, buffer *b) {
    static const char *const shares[] = {"0 %",     "90 %",     "99 %",     "99.9 %",
                                         "99.99 %", "99.999 %", "99.9999 %"};
    unsigned nines = chart_nines(l);
    panel p = {.top = UPPER_TOP, .x_max = nines, .y_min = INFINITY, .y_max = -INFINITY};
    chart_widen(&p, &l->latency);
    chart_widen(&p, &l->counts.confirm);
    if (isinf(p.y_min)) {
        p.y_min = -2;
        p.y_max = 1;
    }
    p.y_max = p.y_max > p.y_min ? p.y_max : p.y_min + 1;
    for (unsigned i = 0; i <= nines; i++) {
        svg_tick_x(b, &p, i, shares[i]);
    }
    svg_tick_x(b, &p, log10(2), "50 %");
    chart_time_ticks(b, &p);
    svg_frame(b, &p, "Time", "share of messages that took no longer", "time (logarithmic)");
    chart_times(b, &p, &l->latency, false);
    chart_times(b, &p, &l->counts.confirm, true);
}

/* ---- the rates ----------------------------------------------------------------------------------
 */

/* Returns the next of 1, 2, 5, 10... that goes into `range` at most `most` times. */
static double chart_step(double range, int most) {
    double power = pow(10, floor(log10(range / most)));
    for (int k = 0; k < 3; k++) {
        static const int steps[] = {1, 2, 5};
        if (range / (steps[k] * power) <= most) {
            return steps[k] * power;
        }
    }
    return 10 * power;
}

/* Returns messages a second between a point and the one before. */
static double chart_rate(const series *s, size_t i, bool published) {
    static const series_point zero = {0, 0, 0};
    const series_point *to = &s->points[i];
    const series_point *from = i > 0 ? to - 1 : &zero;
    uint64_t ms = to->at_ms - from->at_ms;
    uint64_t count = published ? to->published - from->published : to->consumed - from->consumed;
    return ms > 0 ? (double)count * 1000 / (double)ms : 0;
}

/* A point that comes soon after another has too little behind it to tell a rate. */
static bool chart_skips(const series *s, size_t i) {
    uint64_t before = i > 0 ? s->points[i - 1].at_ms : 0;
    return s->points[i].at_ms - before < SERIES_FIRST_MS / 2;
}

static void chart_rates(buffer *b, const panel *p, const series *s, bool published) {
    svg_put(b, "<polyline class=\"curve %s\" points=\"", published ? "two" : "one");
    for (size_t i = 0; i < s->count; i++) {
        if (!chart_skips(s, i)) {
            double rate = chart_rate(s, i, published);
            svg_put(b, "%.1f,%.1f ", panel_x(p, (double)s->points[i].at_ms / 1000),
                    panel_y(p, rate));
        }
    }
    svg_put(b, "\"/>\n");
}

static void chart_rate_ticks(buffer *b, panel *p) {
    double x_step = chart_step(p->x_max, 10);
    double y_step = chart_step(p->y_max, 6);
    char label[32];
    p->y_max = ceil(p->y_max / y_step) * y_step;
    for (int k = 0; k * x_step <= p->x_max * 1.0001; k++) {
        double v = k * x_step;
        snprintf(label, sizeof label, "%g", v);
        svg_tick_x(b, p, v, label);
    }
    for (int k = 0; k * y_step <= p->y_max * 1.0001; k++) {
        double v = k * y_step;
        snprintf(label, sizeof label, "%g%s",
                 v >= 1e6   ? v / 1e6
                 : v >= 1e3 ? v / 1e3
                            : v,
                 v >= 1e6   ? " M"
                 : v >= 1e3 ? " k"
                            : "");
        svg_tick_y(b, p, v, label);
    }
}

static void chart_over_time(const load *l, buffer *b) {
    const series *s = &l->series;
    panel p = {.top = LOWER_TOP, .x_max = 0.001, .y_max = 1};
    for (size_t i = 0; i < s->count; i++) {
        if (!chart_skips(s, i)) {
            p.x_max = (double)s->points[i].at_ms / 1000;
            p.y_max = fmax(p.y_max, fmax(chart_rate(s, i, true), chart_rate(s, i, false)));
        }
    }
    chart_rate_ticks(b, &p);
    svg_frame(b, &p, "Rate", "time, seconds", "messages a second");
    chart_rates(b, &p, s, true);
    chart_rates(b, &p, s, false);
    svg_legend(b, &p, 1, "one", "received");
    svg_legend(b, &p, 0, "two", "published");
}

void chart_draw(const load *l, buffer *svg) {
    svg_begin(svg);
    chart_distribution(l, svg);
    chart_over_time(l, svg);
    buffer_text(svg, "</svg>\n");
}
