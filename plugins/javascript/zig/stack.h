// Has QuickJS count its stack: where it is compiled for WASI it does not, and a program that calls itself
// too deeply would end the instance instead of meeting a RangeError. It asks for this name alone.
//
// The system's headers ask for it too, so they come first.
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fenv.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#undef __wasi__

// What it counts is the stack in linear memory, and what ends an instance is the host's stack of compiled
// code. Functions that check how deep they are take this much of the former, so that both go together:
// without it, some take none.
#define __builtin_frame_address(level) __builtin_alloca(256)
