// Taking a text apart. The text is UTF-8, but for `scan_valid`.

#include "scan.h"

#include <string.h>

// Reads a character. Answers how many bytes it has, 0 where there is no valid one.
static size_t decode(struct part text, size_t at, uint32_t *character) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (at >= text.bytes) return 0;
    uint8_t first = text.at[at];
    if (first < 0x80) {
        *character = first;
        return 1;
    }
    size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || at + bytes > text.bytes) return 0;
    uint32_t value = first & (0x7f >> bytes);
    for (size_t more = 1; more < bytes; more++) {
        uint8_t next = text.at[at + more];
        if ((next & 0xc0) != 0x80) return 0;
        value = value << 6 | (next & 0x3f);
    }
    bool surrogate = value >= 0xd800 && value <= 0xdfff;
    if (value < least[bytes] || value > 0x10ffff || surrogate) return 0;
    *character = value;
    return bytes;
}

static bool is_letter(uint32_t character) {
    if (character < 0x80) {
        uint32_t lower = character | 0x20;
        return (character >= '0' && character <= '9') || (lower >= 'a' && lower <= 'z');
    }
    return character >= 0xc0 && character != 0xd7 && character != 0xf7 &&
           !(character >= 0x2000 && character <= 0x206f) &&
           !(character >= 0x3000 && character <= 0x303f);
}

static bool ends_sentence(uint32_t character) {
    return character == '.' || character == '!' || character == '?' || character == 0x2026;
}

struct scan scan_begin(struct part text) {
    return (struct scan){.text = text, .line = 1, .ended = true};
}

// Takes one character, and counts lines and columns.
static bool step(struct scan *scan, uint32_t *character) {
    size_t bytes = decode(scan->text, scan->next, character);
    if (bytes == 0) return false;
    // A line feed is the last character of its line.
    if (scan->next > 0 && scan->text.at[scan->next - 1] == '\n') {
        scan->line++;
        scan->column = 0;
    }
    scan->column++;
    scan->next += bytes;
    return true;
}

// How many characters of a word that has begun come next: a letter, or an apostrophe before one.
static int letters(const struct scan *scan) {
    uint32_t first, second;
    size_t bytes = decode(scan->text, scan->next, &first);
    if (bytes == 0) return 0;
    if (is_letter(first)) return 1;
    if (first != '\'' && first != 0x2019) return 0;
    return decode(scan->text, scan->next + bytes, &second) > 0 && is_letter(second) ? 2 : 0;
}

bool scan_word(struct scan *scan, struct word *word) {
    uint32_t character;
    for (;;) {
        size_t start = scan->next;
        if (!step(scan, &character)) return false;
        if (!is_letter(character)) {
            scan->ended |= ends_sentence(character);
            continue;
        }
        *word = (struct word){.line = scan->line, .column = scan->column, .characters = 1};
        for (int more; (more = letters(scan)) > 0;) {
            word->characters += more;
            while (more-- > 0) step(scan, &character);
        }
        word->text = (struct part){scan->text.at + start, scan->next - start};
        word->begins_sentence = scan->ended;
        scan->ended = false;
        return true;
    }
}

size_t scan_valid(struct part bytes) {
    size_t at = 0;
    uint32_t character;
    for (size_t length; (length = decode(bytes, at, &character)) > 0;) at += length;
    return at;
}

size_t scan_characters(struct part text) {
    size_t characters = 0;
    for (size_t at = 0; at < text.bytes; at++) characters += (text.at[at] & 0xc0) != 0x80;
    return characters;
}

// Where the line ends that begins here, its line feed included.
static size_t line_end(struct part text, size_t start) {
    const uint8_t *feed = memchr(text.at + start, '\n', text.bytes - start);
    return feed ? (size_t)(feed - text.at) + 1 : text.bytes;
}

size_t scan_lines(struct part text) {
    size_t lines = 0;
    for (size_t at = 0; at < text.bytes; at = line_end(text, at)) lines++;
    return lines;
}

size_t scan_line_start(struct part text, size_t lines) {
    size_t at = 0;
    while (lines-- > 0) at = line_end(text, at);
    return at;
}

static bool is_blank(struct part text, size_t from, size_t to) {
    while (from < to && memchr(" \t\n\f\r", text.at[from], 5)) from++;
    return from == to;
}

size_t scan_paragraphs(struct part text, size_t number, struct part *found) {
    size_t count = 0;
    bool inside = false;
    for (size_t at = 0, end; at < text.bytes; at = end) {
        end = line_end(text, at);
        bool blank = is_blank(text, at, end);
        if (!blank && !inside) {
            count++;
            if (found && count == number) *found = (struct part){text.at + at, 0};
        }
        if (!blank && found && count == number) found->bytes = text.at + end - found->at;
        inside = !blank;
    }
    return count;
}
