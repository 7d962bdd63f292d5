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
#include <sys/stat.h>

static unsigned long replayed;

static void replay_file(const char *path, size_t size) {
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(size);
    if (f == NULL || (data == NULL && size > 0) || fread(data, 1, size, f) != size) {
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
    struct stat about;
    if (stat(path, &about) != 0) {
        perror(path);
        exit(1);
    }
    if (!S_ISDIR(about.st_mode)) {
        replay_file(path, (size_t)about.st_size);
        return;
    }
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
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
