/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/rdns_words.h"

/* clang-format off */
const struct rdns_word RDNS_WORDS[] = {
	{"abo", 25}, {"abonne", 25}, {"abonnent", 25}, {"abonnes", 25}, {"acceso", 20},
	{"access", 20}, {"accesso", 20}, {"acesso", 30}, {"adsl", 35}, {"adslpool", 45},
	{"anschluss", 20}, {"antispam", -50}, {"app", -30}, {"assinante", 30}, {"assinantes", 30},
	{"backup", -40}, {"bandalarga", 35}, {"biz", -40}, {"bng", 35}, {"bounce", -60},
	{"bounces", -60}, {"bras", 40}, {"breitband", 45}, {"broadband", 35}, {"business", -40},
	{"cable", 30}, {"cablemodem", 40}, {"catv", 35}, {"cdma", 35}, {"cell", 30},
	{"cellular", 30}, {"cgnat", 40}, {"client", 20}, {"cliente", 20}, {"clientes", 20},
	{"clienti", 20}, {"clients", 20}, {"cloud", -40}, {"colo", -40}, {"core", -40},
	{"corp", -40}, {"corporate", -40}, {"correio", -60}, {"correo", -60}, {"courriel", -60},
	{"courrier", -60}, {"cpe", 30}, {"cust", 20}, {"customer", 20}, {"customers", 20},
	{"dedi", -40}, {"dedicated", -40}, {"dhcp", 40}, {"dial", 40}, {"dialin", 45},
	{"dialup", 45}, {"dinamic", 45}, {"dinamica", 45}, {"dinamicas", 45}, {"dinamico", 45},
	{"dinamicos", 45}, {"dinamik", 45}, {"dip", 30}, {"dns", -40}, {"docsis", 40},
	{"dorm", 30}, {"dsl", 35}, {"dslpool", 45}, {"dyn", 40}, {"dynadsl", 45}, {"dynamic", 45},
	{"dynamicip", 45}, {"dynamiczne", 45}, {"dynamiczny", 45}, {"dynamique", 45},
	{"dynamisch", 45}, {"dynamische", 45}, {"dyndsl", 45}, {"dynip", 45}, {"edge", -30},
	{"einwahl", 45}, {"epon", 35}, {"estatica", -60}, {"estatico", -60}, {"exchange", -60},
	{"exim", -60}, {"fest", -50}, {"feste", -50}, {"fiber", 20}, {"fibra", 20}, {"fibre", 20},
	{"fija", -50}, {"fijo", -50}, {"firewall", -40}, {"fix", -50}, {"fixe", -50},
	{"fixed", -50}, {"fixip", -50}, {"ftp", -40}, {"ftta", 30}, {"fttb", 30}, {"ftth", 35},
	{"fttx", 30}, {"fw", -40}, {"gateway", -40}, {"glasfaser", 25}, {"gpon", 35},
	{"gprs", 40}, {"gsm", 35}, {"guest", 25}, {"gw", -40}, {"hfc", 35}, {"home", 20},
	{"host", 10}, {"hosted", -40}, {"hosting", -40}, {"hosts", 10}, {"hotspot", 35},
	{"hsdpa", 35}, {"imap", -60}, {"inalambrico", 30}, {"internet", 10}, {"ip", 10},
	{"ipoe", 40}, {"isdn", 35}, {"kabel", 30}, {"klienci", 20}, {"klient", 20}, {"kunde", 20},
	{"kunden", 20}, {"kvm", -40}, {"lan", 10}, {"lb", -30}, {"lists", -60}, {"listserv", -60},
	{"lte", 40}, {"messagerie", -60}, {"mobil", 25}, {"mobile", 25}, {"modem", 30},
	{"monitor", -40}, {"movil", 25}, {"mta", -60}, {"mtaout", -60}, {"mx", -60}, {"nat", 25},
	{"newsletter", -60}, {"node", -30}, {"ns", -40}, {"office", -40}, {"out", -30},
	{"outbound", -50}, {"outbox", -50}, {"outgoing", -50}, {"permanent", -50},
	{"poczta", -60}, {"pool", 35}, {"pools", 35}, {"pop", -60}, {"post", -60}, {"posta", -60},
	{"poste", -60}, {"postfix", -60}, {"ppool", 35}, {"ppp", 40}, {"pppoa", 40},
	{"pppoe", 40}, {"prepaid", 30}, {"proxy", -40}, {"rack", -30}, {"relais", -50},
	{"relay", -50}, {"relays", -50}, {"res", 20}, {"residencial", 45}, {"residential", 45},
	{"roaming", 30}, {"root", -40}, {"router", -40}, {"rtr", -40}, {"sdsl", 10},
	{"sender", -50}, {"sendmail", -60}, {"server", -40}, {"servers", -40}, {"serveur", -40},
	{"servidor", -40}, {"shdsl", 10}, {"smarthost", -60}, {"smtp", -60}, {"spamfilter", -50},
	{"srv", -40}, {"static", -60}, {"statica", -60}, {"statico", -60}, {"statique", -60},
	{"statisch", -60}, {"statische", -60}, {"statyczny", -60}, {"student", 20},
	{"students", 20}, {"subs", 25}, {"subscr", 20}, {"subscriber", 25}, {"subscribers", 25},
	{"umts", 40}, {"unallocated", 50}, {"unassigned", 50}, {"unused", 45}, {"user", 20},
	{"users", 20}, {"usuario", 20}, {"usuarios", 20}, {"utente", 20}, {"utenti", 20},
	{"vds", -40}, {"vdsl", 35}, {"vhost", -40}, {"virtual", -40}, {"vm", -40}, {"vpn", -40},
	{"vps", -40}, {"web", -40}, {"wifi", 30}, {"wimax", 30}, {"wireless", 30}, {"wlan", 35},
	{"wohnheim", 30}, {"www", -40}, {"xdsl", 35}, {"zimbra", -60}, {"zugang", 35},
};
/* clang-format on */
const unsigned int RDNS_WORD_COUNT = sizeof(RDNS_WORDS) / sizeof(RDNS_WORDS[0]);

const struct rdns_stem RDNS_STEMS[] = {
	{"mail", -60, 1},
	{"mta", -60, 0},
	{"mx", -60, 0},
	{"smtp", -60, 1},
};
const unsigned int RDNS_STEM_COUNT = sizeof(RDNS_STEMS) / sizeof(RDNS_STEMS[0]);
