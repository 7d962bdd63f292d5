#include "hostile.h"
const hostile_act hostile_contents[] = {{NULL, NULL, 0, 0, NULL}};
const hostile_act hostile_storms[] = {{NULL, NULL, 0, 0, NULL}};
