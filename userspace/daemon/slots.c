/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "daemon/slots.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

static struct link_info *slot_find(struct slots *slots, const char *name)
{
	for (unsigned int i = 0; i < slots->count; i++)
		if (strcmp(slots->link[i].name, name) == 0)
			return &slots->link[i];
	return NULL;
}

static void slot_detach(const struct link_info *link)
{
	int err;

	if (link->state != LINK_ATTACHED)
		return;
	err = gate_detach(link->ifindex);
	if (err == 0)
		log_info("interface=%s event=detached", link->name);
	else if (err != -ENOENT && err != -ENODEV)
		log_warn("interface=%s event=detach-failed error=\"%s\"", link->name,
			 strerror(-err));
}

void slots_configure(struct slots *slots, const struct conf *conf)
{
	struct slots fresh = {.attach = conf->attach, .rejects = conf_may_reject(conf)};
	struct link_info *old;

	for (unsigned int i = 0; i < conf->interface_count; i++) {
		struct link_info *link = &fresh.link[fresh.count];

		if (slot_find(&fresh, conf->interfaces[i]))
			continue;
		old = slot_find(slots, conf->interfaces[i]);
		if (old) {
			*link = *old;
			link->mute_id = 0; /* what was in the way may have gone */
		} else {
			snprintf(link->name, sizeof(link->name), "%s", conf->interfaces[i]);
		}
		fresh.count++;
	}
	for (unsigned int i = 0; i < slots->count; i++)
		if (!slot_find(&fresh, slots->link[i].name))
			slot_detach(&slots->link[i]);
	*slots = fresh;
}

static void set_state(struct link_info *link, enum link_state state, const struct gate_found *found)
{
	link->state = state;
	link->mode = found->mode;
	link->prog_id = found->prog_id;
	link->dispatcher_id = found->dispatcher_id;
}

static enum gate_mode wanted_mode(const struct slots *slots)
{
	return slots->attach == CONF_ATTACH_GENERIC ? GATE_MODE_GENERIC : GATE_MODE_NATIVE;
}

static void explain(struct link_info *link, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void explain(struct link_info *link, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(link->detail, sizeof(link->detail), fmt, ap);
	va_end(ap);
}

static void look_external(struct link_info *link, const struct gate *gate,
			  const struct gate_found *found, bool rejects)
{
	if (found->is_ours && found->is_current) {
		set_state(link, LINK_EXTERNAL, found);
		if (rejects && !found->can_reject)
			explain(link,
				"who should be rejected is reset: the gate that can reject is not "
				"loaded; ip -force link set dev %s xdp obj %s program "
				"mxgate_reject",
				link->name, gate_object(gate));
		return;
	}
	set_state(link, found->is_foreign ? LINK_FOREIGN : LINK_MISSING, found);
	if (found->is_ours)
		explain(link,
			"a gate of another build or with other maps is loaded; load this one: "
			"ip -force link set dev %s xdp obj %s sec xdp",
			link->name, gate_object(gate));
	else if (found->is_foreign)
		explain(link, "XDP program %u is not the gate; take it off first", found->prog_id);
	else
		explain(link, "not loaded yet; load it: ip link set dev %s xdp obj %s sec xdp",
			link->name, gate_object(gate));
}

static bool is_in_order(const struct slots *slots, const struct gate_found *found)
{
	return found->is_ours && found->is_current && found->mode == wanted_mode(slots);
}

/* A gate that stays although it cannot reject. */
static void set_attached(const struct slots *slots, struct link_info *link,
			 const struct gate_found *found)
{
	set_state(link, LINK_ATTACHED, found);
	if (slots->rejects && !found->can_reject)
		explain(link,
			"who should be rejected is reset: see event=cannot-reject in the log");
}

/* True: the gate that can reject is there, and *found is what is seen now. */
static bool put_reject(struct link_info *link, struct gate *gate, enum gate_mode mode,
		       struct gate_found *found)
{
	char why[GATE_WHY_MAX];
	bool is_alone;
	int err = gate_attach_reject(gate, link->ifindex, mode, &is_alone, why);

	if (err == 0)
		err = gate_find(gate, link->ifindex, found);
	else
		log_warn("interface=%s event=cannot-reject detail=\"%s; who should be rejected is "
			 "reset\"",
			 link->name, why);
	if (err < 0 || !found->can_reject || found->mode != mode)
		return false;
	if (is_alone)
		log_info(
			"interface=%s event=attached-alone detail=\"the dispatcher of XDP programs "
			"takes none that rejects: no other program can share the interface\"",
			link->name);
	return true;
}

static void put_gate(const struct slots *slots, struct link_info *link, struct gate *gate,
		     struct gate_found *found)
{
	const enum gate_mode mode = wanted_mode(slots);
	int err;

	if (slots->rejects && put_reject(link, gate, mode, found)) {
		set_attached(slots, link, found);
		return;
	}
	if (is_in_order(slots, found)) {
		link->mute_id = found->prog_id;
		set_attached(slots, link, found);
		return;
	}
	if (found->is_ours) {
		/* Of an older build, with lost maps, or in the other mode. */
		log_info("interface=%s event=replacing prog=%u mode=%s", link->name, found->prog_id,
			 gate_mode_name(found->mode));
		gate_detach(link->ifindex);
	}
	err = gate_attach(gate, link->ifindex, mode, link->detail);
	if (err == 0)
		err = gate_find(gate, link->ifindex, found);
	if (err == 0 && found->is_ours && found->mode == mode) {
		link->mute_id = slots->rejects ? found->prog_id : 0;
		set_attached(slots, link, found);
		return;
	}
	set_state(link, err == -EBUSY ? LINK_FOREIGN : LINK_FAILED, found);
	if (!link->detail[0])
		explain(link, "attached, but the kernel shows it in %s mode",
			gate_mode_name(found->mode));
}

static void look(struct slots *slots, struct link_info *link, struct gate *gate, bool may_attach)
{
	struct gate_found found = {0};
	int err;

	link->ifindex = (int32_t)if_nametoindex(link->name);
	link->detail[0] = '\0';
	if (link->ifindex == 0) {
		set_state(link, LINK_ABSENT, &found);
		explain(link, "no such interface; waiting for it");
		return;
	}
	err = gate_find(gate, link->ifindex, &found);
	if (err < 0) {
		set_state(link, LINK_FAILED, &found);
		explain(link, "cannot see its XDP program: %s", strerror(-err));
	} else if (slots->attach == CONF_ATTACH_EXTERNAL) {
		look_external(link, gate, &found, slots->rejects);
	} else if (is_in_order(slots, &found) &&
		   (!may_attach || !slots->rejects || found.can_reject ||
		    found.prog_id == link->mute_id)) {
		set_attached(slots, link, &found);
	} else if (found.is_foreign) {
		set_state(link, LINK_FOREIGN, &found);
		explain(link,
			"XDP program %u of somebody else holds it; it is left alone; take it off "
			"(ip link set dev %s xdp off) or load both with a libxdp dispatcher",
			found.prog_id, link->name);
	} else if (may_attach) {
		put_gate(slots, link, gate, &found);
	} else {
		set_state(link, LINK_MISSING, &found);
	}
}

static void log_change(const struct link_info *link)
{
	enum log_level level = link->state == LINK_ATTACHED || link->state == LINK_EXTERNAL
				       ? LOG_LEVEL_INFO
				       : LOG_LEVEL_WARN;

	log_line(level, "interface=%s ifindex=%d event=%s mode=%s prog=%u%s%s%s", link->name,
		 link->ifindex, link_state_name(link->state), gate_mode_name(link->mode),
		 link->prog_id, link->detail[0] ? " detail=\"" : "", link->detail,
		 link->detail[0] ? "\"" : "");
}

void slots_reconcile(struct slots *slots, struct gate *gate, bool may_attach,
		     void (*on_change)(unsigned int index, void *user), void *user)
{
	for (unsigned int i = 0; i < slots->count; i++) {
		struct link_info *link = &slots->link[i], was = *link;

		look(slots, link, gate, may_attach);
		/* Renamed: the interface that had this name is not ours to gate any more. */
		if (was.ifindex && was.ifindex != link->ifindex)
			slot_detach(&was);
		if (was.dispatcher_id && slots->attach != CONF_ATTACH_EXTERNAL &&
		    (was.dispatcher_id != link->dispatcher_id || was.ifindex != link->ifindex))
			gate_unpin(was.ifindex, was.dispatcher_id);
		if (was.state == link->state && was.ifindex == link->ifindex &&
		    was.mode == link->mode && was.prog_id == link->prog_id)
			continue;
		if (may_attach)
			log_change(link);
		if (on_change)
			on_change(i, user);
	}
}

void slots_detach_all(struct slots *slots)
{
	for (unsigned int i = 0; slots->attach != CONF_ATTACH_EXTERNAL && i < slots->count; i++)
		slot_detach(&slots->link[i]);
}

bool slots_any_usable(const struct slots *slots)
{
	if (slots->attach == CONF_ATTACH_EXTERNAL)
		return true;
	for (unsigned int i = 0; i < slots->count; i++)
		if (slots->link[i].state == LINK_ATTACHED || slots->link[i].state == LINK_MISSING)
			return true;
	return false;
}
