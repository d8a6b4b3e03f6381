/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The words that rdns.c weighs, and their weights: one table, for it alone. Above zero
 * speaks for a customer's line, below zero for a host that somebody has named. A word
 * counts when it is a whole run of letters ("dhcp" in "dhcp12", not in "nodhcp").
 *
 * Sorted by strcmp(), so that a word is found by halving; a test holds that.
 */
#ifndef MXGATE_CORE_RDNS_WORDS_H
#define MXGATE_CORE_RDNS_WORDS_H

struct rdns_word {
	const char *text;
	signed char weight;
};

extern const struct rdns_word RDNS_WORDS[];
extern const unsigned int RDNS_WORD_COUNT;

/* Runs of letters that begin or end so are words of mail, "mailgate", "webmail". */
struct rdns_stem {
	const char *text;
	signed char weight;
	unsigned char anywhere; /* 0: only at the beginning */
};

extern const struct rdns_stem RDNS_STEMS[];
extern const unsigned int RDNS_STEM_COUNT;

#endif
