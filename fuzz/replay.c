/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A fuzz target without libFuzzer: runs the files and folders named, or else fuzz/corpus/NAME,
 * where NAME is the program's own, once each. Every input is a block of its own, so that a
 * sanitizer sees where it ends. */

#include "support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long replayed;

static void replay_file(const char *path) {
    FILE *f = fopen(path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    size_t size = (size_t)ftell(f);
    uint8_t *data = malloc(size);
    rewind(f);
    if ((data == NULL && size > 0) || fread(data, 1, size, f) != size) {
        perror(path);
        exit(1);
    }
    fclose(f);
    fprintf(stderr, "%s\n", path);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    replayed++;
}

static void replay(const char *path) {
    DIR *folder = opendir(path);
    if (folder == NULL) {
        replay_file(path);
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char name[1024];
        (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.') {
            replay(name);
        }
    }
    closedir(folder);
}

int main(int argc, char **argv) {
    if (argc == 1) {
        const char *slash = strrchr(argv[0], '/');
        char corpus[1024];
        (void)snprintf(corpus, sizeof corpus, "fuzz/corpus/%s",
                       slash != NULL ? slash + 1 : argv[0]);
        replay(corpus);
    }
    for (int i = 1; i < argc; i++) {
        replay(argv[i]);
    }
    printf("%lu inputs\n", replayed);
    return replayed > 0 ? 0 : 1;
}
