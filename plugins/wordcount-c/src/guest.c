// The world `wordcount` of ../wordcount/wit in C. It answers what ../wordcount does, to the last bit.
//
// What is returned was allocated, since the generated code frees it after the host has read it.

#include <stdlib.h>
#include <string.h>

#include "scan.h"
#include "wordcount.h"

typedef exports_errand_wordcount_text_ignoring_t Ignoring;
typedef exports_errand_wordcount_text_options_t Options;
typedef exports_errand_wordcount_text_statistics_t Statistics;
typedef exports_errand_wordcount_text_frequency_t Frequency;
typedef exports_errand_wordcount_text_readability_t Readability;
typedef exports_errand_wordcount_text_problem_t Problem;

#define IGNORING(name) EXPORTS_ERRAND_WORDCOUNT_TEXT_IGNORING_##name
#define SCOPE(name) EXPORTS_ERRAND_WORDCOUNT_TEXT_SCOPE_##name
#define PROBLEM(name) EXPORTS_ERRAND_WORDCOUNT_TEXT_PROBLEM_##name
#define LEVEL(name) EXPORTS_ERRAND_WORDCOUNT_TEXT_LEVEL_##name

// Frequent words that are listed unless asked otherwise, and at most.
enum { TOP = 10, MAX_TOP = 1000 };

static const char *const STOP_WORDS[] = {
    "a",  "an", "and", "are", "as", "at", "be", "but",  "by",   "for",  "from", "has",  "have",  "he",   "in", "is",
    "it", "its", "of", "on",  "or", "that", "the", "they", "this", "to", "was",  "we",   "were", "which", "with", "you",
};

static void *allocate(size_t bytes) {
    void *memory = malloc(bytes > 0 ? bytes : 1);
    if (!memory) abort();
    return memory;
}

static struct part part_of(const wordcount_string_t *text) {
    return (struct part){text->ptr, text->len};
}

static wordcount_string_t copied(struct part text) {
    wordcount_string_t copy = {allocate(text.bytes), text.bytes};
    memcpy(copy.ptr, text.at, text.bytes);
    return copy;
}

static uint8_t lower(uint8_t byte) { return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte; }

static int compare(struct part one, struct part other) {
    size_t both = one.bytes < other.bytes ? one.bytes : other.bytes;
    int order = memcmp(one.at, other.at, both);
    return order ? order : (one.bytes > other.bytes) - (one.bytes < other.bytes);
}

static bool equals(struct part one, struct part other, bool folds) {
    if (one.bytes != other.bytes) return false;
    for (size_t at = 0; at < one.bytes; at++) {
        uint8_t left = one.at[at], right = other.at[at];
        if (folds ? lower(left) != lower(right) : left != right) return false;
    }
    return true;
}

static bool counts(const struct word *word, Ignoring ignore, uint32_t min_length) {
    if (word->characters < min_length) return false;
    if (ignore & IGNORING(NUMBERS)) {
        size_t at = 0;
        while (at < word->text.bytes && word->text.at[at] >= '0' && word->text.at[at] <= '9') at++;
        if (at == word->text.bytes) return false;
    }
    if (ignore & IGNORING(STOP_WORDS)) {
        for (size_t known = 0; known < sizeof STOP_WORDS / sizeof *STOP_WORDS; known++) {
            struct part stop = {(const uint8_t *)STOP_WORDS[known], strlen(STOP_WORDS[known])};
            if (equals(word->text, stop, true)) return false;
        }
    }
    return true;
}

// The part of a text that counts. Answers whether there is one.
static bool scoped(struct part *text, const Options *options, Problem *problem) {
    if (!options->scope.is_some || options->scope.val.tag == SCOPE(WHOLE)) return true;
    size_t count;
    bool within;
    struct part found;
    if (options->scope.val.tag == SCOPE(LINES)) {
        uint32_t first = options->scope.val.val.lines.first, last = options->scope.val.val.lines.last;
        count = scan_lines(*text);
        within = first > 0 && first <= last && last <= count;
        if (within) {
            size_t start = scan_line_start(*text, first - 1);
            found = (struct part){text->at + start, scan_line_start(*text, last) - start};
        }
    } else {
        uint32_t number = options->scope.val.val.paragraph;
        count = scan_paragraphs(*text, number, &found);
        within = number > 0 && number <= count;
    }
    if (within) {
        *text = found;
    } else {
        problem->tag = PROBLEM(OUT_OF_RANGE);
        problem->val.out_of_range = (uint32_t)count;
    }
    return within;
}

static int by_bytes(const void *one, const void *other) { return compare(*(const struct part *)one, *(const struct part *)other); }

struct count {
    struct part word;
    uint64_t often;
};

static int by_frequency(const void *one, const void *other) {
    const struct count *left = one, *right = other;
    int order = (left->often < right->often) - (left->often > right->often);
    return order ? order : compare(left->word, right->word);
}

// Counts equal words, and lists the most frequent ones.
static void list(struct part *words, size_t length, size_t top, Statistics *statistics) {
    struct count *all = allocate(length * sizeof *all);
    size_t distinct = 0;
    qsort(words, length, sizeof *words, by_bytes);
    for (size_t at = 0; at < length; at++) {
        if (at > 0 && compare(words[at - 1], words[at]) == 0) all[distinct - 1].often++;
        else all[distinct++] = (struct count){words[at], 1};
    }
    qsort(all, distinct, sizeof *all, by_frequency);
    if (top > distinct) top = distinct;
    statistics->words = length;
    statistics->distinct = distinct;
    statistics->top.len = top;
    statistics->top.ptr = allocate(top * sizeof *statistics->top.ptr);
    for (size_t at = 0; at < top; at++) statistics->top.ptr[at] = (Frequency){copied(all[at].word), all[at].often};
    free(all);
}

static bool analyse(struct part text, const Options *given, Statistics *statistics, Problem *problem) {
    Options options = given ? *given : (Options){0};
    uint32_t top = options.top.is_some ? options.top.val : TOP;
    if (top > MAX_TOP) {
        problem->tag = PROBLEM(TOO_MANY);
        problem->val.too_many = MAX_TOP;
        return false;
    }
    if (!scoped(&text, &options, problem)) return false;
    uint8_t *folded = allocate(text.bytes);
    bool folds = options.ignore & IGNORING(CASE);
    for (size_t at = 0; at < text.bytes; at++) folded[at] = folds ? lower(text.at[at]) : text.at[at];
    // A word has a byte at least, and something follows it that is none.
    struct part *words = allocate((text.bytes / 2 + 1) * sizeof *words);
    size_t length = 0;
    uint64_t sentences = 0;
    struct word word, longest = {0};
    for (struct scan scan = scan_begin(text); scan_word(&scan, &word);) {
        sentences += word.begins_sentence;
        if (!counts(&word, options.ignore, options.min_length.is_some ? options.min_length.val : 0)) continue;
        words[length++] = (struct part){folded + (word.text.at - text.at), word.text.bytes};
        if (word.characters > longest.characters) longest = word;
    }
    if (sentences > 0) {
        statistics->characters = scan_characters(text);
        statistics->lines = scan_lines(text);
        statistics->paragraphs = scan_paragraphs(text, 0, NULL);
        statistics->sentences = sentences;
        statistics->longest.is_some = length > 0;
        if (length > 0) statistics->longest.val = copied(longest.text);
        list(words, length, top, statistics);
    } else {
        problem->tag = PROBLEM(NO_WORDS);
    }
    free(words);
    free(folded);
    return sentences > 0;
}

// The syllables of an English word, by its groups of vowels.
static uint64_t syllables(struct part word) {
    uint64_t groups = 0;
    bool inside = false;
    for (size_t at = 0; at < word.bytes; at++) {
        bool vowel = memchr("aeiouy", lower(word.at[at]), 6) != NULL;
        groups += vowel && !inside;
        inside = vowel;
    }
    bool silent = lower(word.at[word.bytes - 1]) == 'e' &&
                  !(word.bytes > 1 && memchr("aeiouyl", lower(word.at[word.bytes - 2]), 7));
    if (silent && groups > 0) groups--;
    return groups > 0 ? groups : 1;
}

void exports_wordcount_languages(wordcount_list_string_t *ret) {
    ret->len = 1;
    ret->ptr = allocate(sizeof *ret->ptr);
    wordcount_string_dup(ret->ptr, "en");
}

bool exports_errand_wordcount_text_analyse(wordcount_string_t *text, Options *options, Statistics *ret, Problem *err) {
    return analyse(part_of(text), options, ret, err);
}

bool exports_errand_wordcount_text_analyse_bytes(wordcount_list_u8_t *data, Options *options, Statistics *ret, Problem *err) {
    struct part bytes = {data->ptr, data->len};
    size_t valid = scan_valid(bytes);
    if (valid < bytes.bytes) {
        err->tag = PROBLEM(NOT_TEXT);
        err->val.not_text = valid;
        return false;
    }
    return analyse(bytes, options, ret, err);
}

bool exports_errand_wordcount_text_judge(wordcount_string_t *text, Readability *ret, Problem *err) {
    *ret = (Readability){0};
    struct word word;
    for (struct scan scan = scan_begin(part_of(text)); scan_word(&scan, &word);) {
        ret->words++;
        ret->sentences += word.begins_sentence;
        ret->syllables += syllables(word.text);
    }
    if (ret->words == 0) {
        err->tag = PROBLEM(NO_WORDS);
        return false;
    }
    double sentence_length = (double)ret->words / (double)ret->sentences;
    double word_length = (double)ret->syllables / (double)ret->words;
    ret->ease = 206.835 - 1.015 * sentence_length - 84.6 * word_length;
    ret->grade = 0.39 * sentence_length + 11.8 * word_length - 15.59;
    ret->level = ret->ease >= 70    ? LEVEL(EASY)
                 : ret->ease >= 50 ? LEVEL(PLAIN)
                 : ret->ease >= 30 ? LEVEL(HARD)
                                   : LEVEL(ACADEMIC);
    return true;
}

void exports_errand_wordcount_text_find(wordcount_string_t *text, wordcount_string_t *sought, Ignoring ignore,
                                        wordcount_list_tuple2_u32_u32_t *ret) {
    size_t room = 0;
    struct word word;
    *ret = (wordcount_list_tuple2_u32_u32_t){0};
    for (struct scan scan = scan_begin(part_of(text)); scan_word(&scan, &word);) {
        if (!equals(word.text, part_of(sought), ignore & IGNORING(CASE))) continue;
        if (ret->len == room) {
            room = room ? room * 2 : 8;
            ret->ptr = realloc(ret->ptr, room * sizeof *ret->ptr);
            if (!ret->ptr) abort();
        }
        ret->ptr[ret->len++] = (wordcount_tuple2_u32_u32_t){word.line, word.column};
    }
}
