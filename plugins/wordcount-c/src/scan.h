// Taking a text apart: words with their places, sentences, lines and paragraphs.

#ifndef SCAN_H
#define SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A part of a text; it owns nothing.
struct part {
    const uint8_t *at;
    size_t bytes;
};

struct word {
    struct part text;
    // From 1; the column in characters.
    uint32_t line, column;
    uint32_t characters;
    // Whether a sentence ended between the word before and this one.
    bool begins_sentence;
};

// Where a walk over a text's words is. Begin with `scan_begin`.
struct scan {
    struct part text;
    size_t next;
    uint32_t line, column;
    bool ended;
};

struct scan scan_begin(struct part text);
// Finds the next word. Answers whether there is one.
bool scan_word(struct scan *scan, struct word *word);

// How many bytes from the start are UTF-8.
size_t scan_valid(struct part bytes);
size_t scan_characters(struct part text);
size_t scan_lines(struct part text);
// How many paragraphs there are. `found`, if it is given, becomes the one of that number, from 1.
size_t scan_paragraphs(struct part text, size_t number, struct part *found);
// Where the line after so many begins.
size_t scan_line_start(struct part text, size_t lines);

#endif
