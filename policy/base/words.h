/* Lists of words: splitting text at blanks, and finding the word that was probably meant. */
#pragma once

#include "policy/base/util.h"

/* Free a NULL-terminated list and its strings. NULL is fine. */
void words_free(char **words);

/* Append the words of text, separated by blanks, to the NULL-terminated list *words (NULL for an
 * empty one). On -ENOMEM the list is as it was. */
int words_append(char ***words, const char *text);

size_t words_count(char *const *words);

/* "did you mean 'sweep'?", or "known here are mode, sweep, …" where nothing is near. Owned; NULL
 * when memory ran out. known is NULL-terminated. */
char *words_suggest(const char *word, const char *const *known);
