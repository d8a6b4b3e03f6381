// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The control socket as clients meet it: a real socket in a directory of the test's
 * own, a real loop, and clients that behave badly. The loop is stepped by the test.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/control.h"
#include "tmpdir.h"

#define PATIENCE_MS 5000
#define NOBODY      65534
#define GROUP_READ  64001
#define GROUP_ADMIN 64002

struct rig {
	char dir[TMPDIR_MAX];
	char path[64];
	int listen_fd;
	uv_loop_t loop;
	struct control *control;
	struct control_conf conf;
	struct control_request *held; /* what WHY leaves unanswered */
	unsigned int seen;            /* requests that reached the callback */
	unsigned int items_left;      /* of VERDICTS */
	unsigned int waits;           /* how often an item said -EAGAIN */
	bool was_gone;
};

static struct rig rig;

static void stream_items(struct control_request *request, void *user)
{
	static char text[4000];

	(void)user;
	memset(text, 'x', sizeof(text) - 1);
	while (rig.items_left && !control_request_is_gone(request)) {
		rig.items_left--;
		if (control_reply_item(request, json_pack("{s:s}", "fill", text)) == -EAGAIN) {
			rig.waits++;
			control_request_on_drain(request, stream_items, NULL);
			return;
		}
	}
	rig.was_gone = control_request_is_gone(request);
	control_reply_ok(request, json_pack("{s:b}", "more", 0));
}

static void on_request(struct control_request *request, void *user)
{
	cr_assert_eq(user, &rig);
	rig.seen++;
	switch (control_request_command(request)) {
	case CONTROL_CMD_WHY:
		rig.held = request;
		return;
	case CONTROL_CMD_VERDICTS:
		stream_items(request, NULL);
		return;
	case CONTROL_CMD_RELOAD:
		control_reply_error(request, CONTROL_ERR_CONFIG, "mend it", "line %d \x01\xff", 7);
		return;
	case CONTROL_CMD_AUDIT:
		control_reply_ok(request, json_pack("{s:s}", "who", control_request_who(request)));
		return;
	case CONTROL_CMD_FLUSH:
		control_reply_ok(request, NULL);
		return;
	default:
		control_reply_ok(request, json_pack("{s:i}", "seen", rig.seen));
	}
}

static void rig_start(void)
{
	tmpdir_make(rig.dir);
	cr_assert_eq(chmod(rig.dir, 0755), 0);
	snprintf(rig.path, sizeof(rig.path), "%s/run/control.sock", rig.dir);
	umask(077);
	cr_assert_eq(control_listen(rig.path, &rig.listen_fd), 0);
	cr_assert_eq(uv_loop_init(&rig.loop), 0);
	if (!rig.conf.read_gid)
		rig.conf.read_gid = rig.conf.change_gid = getgid();
	cr_assert_eq(
		control_new(&rig.loop, rig.listen_fd, &rig.conf, on_request, &rig, &rig.control),
		0);
}

static void rig_stop(void)
{
	char parent[64];

	control_free(rig.control);
	while (uv_run(&rig.loop, UV_RUN_NOWAIT))
		;
	cr_expect_eq(uv_loop_close(&rig.loop), 0, "a handle was left open");
	close(rig.listen_fd);
	unlink(rig.path);
	snprintf(parent, sizeof(parent), "%s/run", rig.dir);
	rmdir(parent);
	cr_expect_eq(rmdir(rig.dir), 0);
}

static void step(void)
{
	uv_run(&rig.loop, UV_RUN_NOWAIT);
	poll(NULL, 0, 1);
}

static void steps(unsigned int count)
{
	while (count--)
		step();
}

static int dial_path(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int dial(void)
{
	int fd = dial_path(rig.path);

	cr_assert_geq(fd, 0);
	return fd;
}

static void say(int fd, const char *text)
{
	cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

#define HEAR_EOF ((json_t *)1)
/* The next line as JSON, HEAR_EOF when we were cut, NULL on silence. */
static json_t *hear(int fd)
{
	static char line[1 << 16];
	uint64_t until = clock_mono_ns() + PATIENCE_MS * 1000000ULL;
	size_t len = 0;

	while (clock_mono_ns() < until) {
		ssize_t got = recv(fd, line + len, 1, MSG_DONTWAIT);

		if (got < 0 && errno == EAGAIN) {
			step();
			continue;
		}
		if (got <= 0)
			return HEAR_EOF;
		if (line[len++] == '\n')
			return json_loadb(line, len - 1, 0, NULL);
	}
	return NULL;
}

static void expect_ok(int fd, const char *label)
{
	json_t *answer = hear(fd);

	cr_assert(answer && answer != HEAR_EOF, "%s: no answer", label);
	cr_expect(json_is_true(json_object_get(answer, "ok")), "%s: refused", label);
	json_decref(answer);
}

static void expect_error(int fd, const char *code, const char *words, const char *label)
{
	json_t *answer = hear(fd);
	json_t *error;
	const char *message;

	cr_assert(answer && answer != HEAR_EOF, "%s: no answer", label);
	error = json_object_get(answer, "error");
	cr_expect(json_is_false(json_object_get(answer, "ok")), "%s: not refused", label);
	cr_expect_str_eq(json_string_value(json_object_get(error, "code")), code, "%s", label);
	message = json_string_value(json_object_get(error, "message"));
	cr_expect(message && strstr(message, words), "%s: %s", label, message);
	json_decref(answer);
}

static void expect_cut(int fd, const char *label)
{
	cr_expect_eq(hear(fd), HEAR_EOF, "%s: not cut", label);
	close(fd);
}

#define REQ(cmd) "{\"v\":1,\"cmd\":\"" cmd "\"}\n"

Test(control, bad_lines_get_one_error_and_the_connection_lives)
{
	static const struct {
		const char *label, *line, *code, *words;
	} rows[] = {
		{"junk", "\x01\x02 hello\n", "usage", "JSON object"},
		{"empty", "\n", "usage", "JSON object"},
		{"array", "[1,2]\n", "usage", "JSON object"},
		{"string", "\"status\"\n", "usage", "JSON object"},
		{"two objects", "{} {}\n", "usage", "JSON object"},
		{"half an object", "{\"v\":1,\n", "usage", "JSON object"},
		{"key twice", "{\"v\":1,\"cmd\":\"status\",\"cmd\":\"flush\"}\n", "usage",
		 "JSON object"},
		{"not UTF-8", "{\"v\":1,\"cmd\":\"\xff\"}\n", "usage", "JSON object"},
		{"no version", "{\"cmd\":\"status\"}\n", "usage", "version"},
		{"next version", "{\"v\":2,\"cmd\":\"status\"}\n", "usage", "version"},
		{"version as text", "{\"v\":\"1\",\"cmd\":\"status\"}\n", "usage", "version"},
		{"no command", "{\"v\":1}\n", "usage", "no command \"\""},
		{"command of another type", "{\"v\":1,\"cmd\":7}\n", "usage", "no command \"\""},
		{"unknown command", REQ("explode"), "usage", "no command \"explode\""},
		{"hostile command", "{\"v\":1,\"cmd\":\"\\u001b[2J\"}\n", "usage",
		 "no command \"\\027[2J\""},
		{"the callback's error", REQ("reload"), "config", "line 7 ??"},
	};
	int fd;

	rig_start();
	fd = dial();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		say(fd, rows[i].line);
		expect_error(fd, rows[i].code, rows[i].words, rows[i].label);
	}
	cr_expect_eq(rig.seen, 1, "only the well-formed one reaches the callback");
	say(fd, REQ("status"));
	expect_ok(fd, "a good one after all that");
	close(fd);
	rig_stop();
}

Test(control, longest_line_passes_and_one_more_byte_is_cut)
{
	static char line[CONTROL_LINE_MAX + 1];
	int fd;

	rig_start();
	memset(line, ' ', CONTROL_LINE_MAX);
	memcpy(line, REQ("status"), strlen(REQ("status")) - 1);
	line[CONTROL_LINE_MAX - 1] = '\n';
	fd = dial();
	say(fd, line);
	expect_ok(fd, "a line of the maximum");
	line[CONTROL_LINE_MAX - 1] = ' ';
	say(fd, line);
	expect_error(fd, "usage", "too long", "a longer line");
	expect_cut(fd, "after a line too long");
	rig_stop();
}

Test(control, pipelined_requests_are_answered_in_order)
{
	static char many[400 * 32];
	int fd;

	rig_start();
	for (int i = 0; i < 300; i++)
		strcat(many, REQ("status"));
	fd = dial();
	say(fd, many);
	for (int i = 1; i <= 300; i++) {
		json_t *answer = hear(fd);
		json_t *result = json_object_get(answer, "result");

		cr_assert_eq(json_integer_value(json_object_get(result, "seen")), i);
		json_decref(answer);
	}
	close(fd);
	rig_stop();
}

/* More than the buffer while a request is out: not read, not lost, not unbounded. */
Test(control, a_flood_behind_a_pending_request_waits_in_the_socket)
{
	size_t sent = 0;
	int fd;

	rig_start();
	fd = dial();
	say(fd, REQ("why"));
	steps(5);
	cr_assert_not_null(rig.held);
	while (send(fd, REQ("status"), strlen(REQ("status")), MSG_DONTWAIT | MSG_NOSIGNAL) ==
	       (ssize_t)strlen(REQ("status"))) {
		sent++;
		if (sent % 100 == 0)
			step();
	}
	cr_expect_gt(sent, 700, "the buffer and the socket hold more: %zu", sent);
	cr_expect_eq(rig.seen, 1);
	control_reply_ok(rig.held, NULL);
	expect_ok(fd, "the one that was out");
	for (size_t i = 0; i < sent; i++)
		expect_ok(fd, "one of the flood");
	close(fd);
	rig_stop();
}

Test(control, half_a_line_then_the_end)
{
	int fd;

	rig_start();
	fd = dial();
	say(fd, "{\"v\":1,\"cmd\":");
	shutdown(fd, SHUT_WR);
	expect_error(fd, "usage", "ended within", "half a request");
	expect_cut(fd, "after it");
	fd = dial();
	say(fd, "{\"v\":1");
	steps(3);
	close(fd);
	steps(3);
	cr_expect_eq(control_clients(rig.control), 0);
	cr_expect_eq(rig.seen, 0);
	rig_stop();
}

Test(control, a_sending_side_shut_down_still_reads_its_answers)
{
	int fd;

	rig_start();
	fd = dial();
	say(fd, REQ("why") REQ("flush"));
	shutdown(fd, SHUT_WR);
	steps(5);
	cr_assert_not_null(rig.held);
	cr_expect_not(control_request_is_gone(rig.held));
	control_reply_ok(rig.held, NULL);
	expect_ok(fd, "first");
	expect_ok(fd, "second");
	expect_cut(fd, "at the end");
	rig_stop();
}

Test(control, who_is_asking)
{
	char want[32];
	json_t *answer;
	json_t *result;
	int fd;

	rig_start();
	fd = dial();
	say(fd, REQ("audit"));
	answer = hear(fd);
	result = json_object_get(answer, "result");
	snprintf(want, sizeof(want), "uid=%u", getuid());
	if (getuid() == 0)
		strcat(want, "(root)");
	cr_expect_eq(strncmp(json_string_value(json_object_get(result, "who")), want, strlen(want)),
		     0);
	json_decref(answer);
	close(fd);
	rig_stop();
}

/* Asks as somebody else; the answer comes back through a pipe. */
static void ask_as(uid_t uid, gid_t gid, gid_t extra, const char *line, char *ret, size_t size)
{
	int out[2];
	ssize_t got = 0;
	pid_t pid;
	int status;

	cr_assert_eq(pipe(out), 0);
	pid = fork();
	if (pid == 0) {
		char buf[1024];
		ssize_t len = 0;
		int fd;

		if (setgroups(extra ? 1 : 0, &extra) || setgid(gid) || setuid(uid) ||
		    prctl(PR_SET_PDEATHSIG, SIGKILL))
			_exit(1);
		fd = dial_path(rig.path);
		if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
			len = 0; /* cut already: the reason is there to read */
		len = recv(fd, buf, sizeof(buf), 0);
		_exit(len > 0 && write(out[1], buf, (size_t)len) == len ? 0 : 1);
	}
	close(out[1]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	for (int i = 0; i < PATIENCE_MS && (got = read(out[0], ret, size - 1)) < 0; i++)
		step();
	ret[got > 0 ? got : 0] = '\0';
	close(out[0]);
	waitpid(pid, &status, 0);
}

Test(control, permission_classes)
{
	static const struct {
		const char *label;
		uid_t uid;
		gid_t gid, extra;
		const char *line, *words;
	} rows[] = {
		{"root reads", 0, 0, 0, REQ("status"), "\"ok\":true"},
		{"root changes", 0, 0, 0, REQ("flush"), "\"ok\":true"},
		{"stranger", NOBODY, NOBODY, 0, REQ("status"), "\"denied\""},
		{"stranger is told the group", NOBODY, NOBODY, 0, REQ("status"),
		 "join the group 64001"},
		{"stranger who says nothing", NOBODY, NOBODY, 0, "", "\"denied\""},
		{"reader by first group", NOBODY, GROUP_READ, 0, REQ("status"), "\"ok\":true"},
		{"reader by second group", NOBODY, NOBODY, GROUP_READ, REQ("status"),
		 "\"ok\":true"},
		{"reader may not change", NOBODY, GROUP_READ, 0, REQ("flush"), "\"denied\""},
		{"reader is told the group", NOBODY, GROUP_READ, 0, REQ("flush"),
		 "join the group 64002"},
		{"reader is named", NOBODY, GROUP_READ, 0, REQ("flush"), "uid=65534(nobody)"},
		{"admin reads", NOBODY, NOBODY, GROUP_ADMIN, REQ("status"), "\"ok\":true"},
		{"admin changes", NOBODY, NOBODY, GROUP_ADMIN, REQ("flush"), "\"ok\":true"},
	};

	if (getuid() != 0)
		cr_skip_test("becoming somebody else needs root");
	rig.conf.read_gid = GROUP_READ;
	rig.conf.change_gid = GROUP_ADMIN;
	rig_start();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char answer[1024];

		ask_as(rows[i].uid, rows[i].gid, rows[i].extra, rows[i].line, answer,
		       sizeof(answer));
		cr_expect_not_null(strstr(answer, rows[i].words), "%s: %s", rows[i].label, answer);
	}
	rig_stop();
}

Test(control, without_groups_only_root)
{
	char answer[1024];

	if (getuid() != 0)
		cr_skip_test("becoming somebody else needs root");
	rig.conf.read_gid = rig.conf.change_gid = (gid_t)-1;
	rig_start();
	ask_as(NOBODY, NOBODY, 0, REQ("status"), answer, sizeof(answer));
	cr_expect_not_null(strstr(answer, "no group is configured"), "%s", answer);
	ask_as(0, 0, 0, REQ("flush"), answer, sizeof(answer));
	cr_expect_not_null(strstr(answer, "\"ok\":true"), "%s", answer);
	rig_stop();
}

Test(control, too_many_clients_are_told_and_cut)
{
	unsigned int room = getuid() == 0 ? 3 + CONTROL_ROOT_ROOM : 3;
	int fd[32];
	int one_more;

	rig.conf.clients_max = 3;
	rig_start();
	for (unsigned int i = 0; i < room; i++) {
		fd[i] = dial();
		steps(2);
	}
	cr_expect_eq(control_clients(rig.control), room);
	one_more = dial();
	expect_error(one_more, "busy", "too many", "one too many");
	expect_cut(one_more, "one too many");
	say(fd[0], REQ("status"));
	expect_ok(fd[0], "those inside are served");
	close(fd[1]);
	steps(3);
	one_more = dial();
	say(one_more, REQ("status"));
	expect_ok(one_more, "a place is free again");
	close(one_more);
	for (unsigned int i = 0; i < room; i++)
		if (i != 1)
			close(fd[i]);
	rig_stop();
}

/* Root's places are beyond the reach of others. */
static pid_t occupy_as(uid_t uid, gid_t gid, int count)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (setgroups(0, NULL) || setgid(gid) || setuid(uid) || prctl(PR_SET_PDEATHSIG, SIGKILL))
		_exit(1);
	while (count--)
		dial_path(rig.path);
	pause();
	_exit(0);
}

static void wait_clients(unsigned int count)
{
	for (int i = 0; i < PATIENCE_MS && control_clients(rig.control) != count; i++)
		step();
	cr_expect_eq(control_clients(rig.control), count);
}

Test(control, one_uid_has_its_share_and_root_gets_in)
{
	char answer[1024];
	pid_t first;
	pid_t second;

	if (getuid() != 0)
		cr_skip_test("becoming somebody else needs root");
	rig.conf = (struct control_conf){.read_gid = GROUP_READ,
					 .change_gid = (gid_t)-1,
					 .clients_max = 5,
					 .per_uid_max = 3};
	rig_start();
	first = occupy_as(NOBODY, GROUP_READ, 10);
	wait_clients(3);
	ask_as(NOBODY, GROUP_READ, 0, REQ("status"), answer, sizeof(answer));
	cr_expect_not_null(strstr(answer, "\"busy\""), "%s", answer);
	ask_as(NOBODY - 1, GROUP_READ, 0, REQ("status"), answer, sizeof(answer));
	cr_expect_not_null(strstr(answer, "\"ok\":true"), "another uid: %s", answer);
	wait_clients(3);
	second = occupy_as(NOBODY - 1, GROUP_READ, 10);
	wait_clients(5);
	ask_as(0, 0, 0, REQ("status"), answer, sizeof(answer));
	cr_expect_not_null(strstr(answer, "\"ok\":true"), "root: %s", answer);
	kill(first, SIGKILL);
	kill(second, SIGKILL);
	waitpid(first, NULL, 0);
	waitpid(second, NULL, 0);
	rig_stop();
}

Test(control, silence_is_cut_but_not_while_the_daemon_thinks)
{
	uint64_t start;
	int silent;
	int waiting;

	rig.conf.idle_ms = 150;
	rig_start();
	waiting = dial();
	say(waiting, REQ("why"));
	silent = dial();
	start = clock_mono_ns();
	expect_cut(silent, "a client that says nothing");
	cr_expect_geq(clock_mono_ns() - start, 100 * 1000000ULL);
	steps(200);
	cr_expect_not(control_request_is_gone(rig.held));
	control_reply_ok(rig.held, NULL);
	expect_ok(waiting, "the patient one");
	expect_cut(waiting, "and then it is silent, too");
	rig_stop();
}

Test(control, a_line_that_drips_is_cut)
{
	const char *line = REQ("status");
	size_t sent = 0;
	int fd;

	rig.conf.idle_ms = 200;
	rig_start();
	fd = dial();
	while (sent < strlen(line) && send(fd, line + sent, 1, MSG_NOSIGNAL) == 1) {
		sent++;
		steps(40); /* each byte well within the idle time */
	}
	cr_expect_lt(sent, strlen(line), "a slow line must not hold a place");
	cr_expect_eq(rig.seen, 0);
	close(fd);
	rig_stop();
}

Test(control, a_slow_reader_holds_the_stream_back_and_gets_all)
{
	json_t *answer;
	unsigned int items = 0;
	int fd;

	rig_start();
	rig.items_left = 1000;
	fd = dial();
	say(fd, REQ("verdicts"));
	steps(20);
	cr_expect_gt(rig.items_left, 800, "the stream must wait: %u left", rig.items_left);
	cr_expect_geq(rig.waits, 1);
	while ((answer = hear(fd)) && answer != HEAR_EOF && json_object_get(answer, "item")) {
		items++;
		json_decref(answer);
	}
	cr_expect_eq(items, 1000);
	cr_expect(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
	close(fd);
	rig_stop();
}

Test(control, a_reader_that_stops_is_cut_and_others_are_served)
{
	int stuck;
	int other;

	rig.conf.idle_ms = 200;
	rig_start();
	rig.items_left = 1000;
	stuck = dial();
	say(stuck, REQ("verdicts"));
	steps(20);
	other = dial();
	say(other, REQ("status"));
	expect_ok(other, "another client meanwhile");
	close(other);
	for (int i = 0; i < PATIENCE_MS && !rig.was_gone; i++)
		step();
	cr_expect(rig.was_gone, "the drain call tells that the client has gone");
	cr_expect_eq(control_clients(rig.control), 0);
	close(stuck);
	rig_stop();
}

Test(control, a_client_that_leaves_while_its_request_is_out)
{
	int fd;

	rig_start();
	fd = dial();
	say(fd, REQ("why"));
	steps(5);
	cr_assert_not_null(rig.held);
	close(fd);
	steps(5);
	cr_expect(control_request_is_gone(rig.held));
	cr_expect_eq(control_clients(rig.control), 0);
	cr_expect_str_not_empty(control_request_who(rig.held));
	cr_expect_eq(control_reply_item(rig.held, json_object()), 0, "swallowed");
	control_reply_ok(rig.held, json_pack("{s:i}", "late", 1));
	rig_stop();
}

static void note_drain(struct control_request *request, void *user)
{
	*(int *)user += 1;
	control_reply_error(request, CONTROL_ERR_INTERNAL, NULL, "nobody hears this");
}

Test(control, drain_is_called_for_one_who_has_gone)
{
	int calls = 0;
	int fd;

	rig_start();
	fd = dial();
	say(fd, REQ("why"));
	steps(5);
	close(fd);
	steps(5);
	control_request_on_drain(rig.held, note_drain, &calls);
	cr_expect_eq(calls, 0, "never from inside");
	steps(5);
	cr_expect_eq(calls, 1);
	rig_stop();
}

Test(control, a_request_outlives_the_server)
{
	int fd;

	rig_start();
	fd = dial();
	say(fd, REQ("why"));
	steps(5);
	control_free(rig.control);
	rig.control = NULL;
	steps(5);
	cr_expect(control_request_is_gone(rig.held));
	control_reply_ok(rig.held, NULL);
	expect_cut(fd, "the server has gone");
	rig_stop();
}

Test(control, listening)
{
	char path[200];
	struct stat st;
	int fd = -1;
	FILE *file;

	rig_start();
	cr_expect_eq(stat(rig.path, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0666);
	snprintf(path, sizeof(path), "%s/run", rig.dir);
	cr_expect_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0755);
	cr_expect_eq(control_listen(rig.path, &fd), -EADDRINUSE, "a live daemon is not robbed");
	cr_expect_eq(fd, -1);
	snprintf(path, sizeof(path), "%s/stale", rig.dir);
	cr_expect_eq(control_listen(path, &fd), 0);
	close(fd);
	cr_expect_eq(control_listen(path, &fd), 0, "a stale socket is replaced");
	close(fd);
	unlink(path);
	file = fopen(path, "w");
	fclose(file);
	cr_expect_eq(control_listen(path, &fd), -EEXIST, "a file is not removed");
	unlink(path);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	cr_expect_eq(control_listen(path, &fd), -ENAMETOOLONG);
	rig_stop();
}
