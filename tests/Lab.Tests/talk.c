/*
 * talk.c: runs a command on a terminal of its own, and types on it.
 *
 *   talk SECONDS [WORDS TEXT]... -- COMMAND [ARGUMENT]...
 *
 * Each time the command's output holds WORDS, the next TEXT is typed, \r as Return and \1 as Ctrl-A. All output goes to stdout. Ends with
 * the command's exit code; with 124, and the command ended, after SECONDS; with 125 if it could not be started.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static char seen[1 << 20];
static size_t seen_length;

static void fail(const char *what)
{
	perror(what);
	exit(125);
}

static void type(int terminal, const char *text)
{
	for (; *text; text++) {
		char key = *text;

		if (key == '\\' && text[1] == 'r')
			key = '\r', text++;
		else if (key == '\\' && text[1] == '1')
			key = 1, text++;
		if (write(terminal, &key, 1) != 1)
			fail("write");
	}
}

int main(int argc, char **argv)
{
	struct winsize size = { .ws_row = 43, .ws_col = 132 };
	int next = 2, terminal, status = 0;
	time_t end;
	pid_t child;

	if (argc < 4)
		return 125;
	end = time(NULL) + atoi(argv[1]);
	terminal = posix_openpt(O_RDWR | O_NOCTTY);
	if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0 || ioctl(terminal, TIOCSWINSZ, &size) != 0)
		fail("terminal");
	child = fork();
	if (child < 0)
		fail("fork");
	if (child == 0) {
		int slave, command = 2;

		setsid();
		slave = open(ptsname(terminal), O_RDWR);
		dup2(slave, 0);
		dup2(slave, 1);
		while (argv[command] && strcmp(argv[command], "--") != 0)
			command++;
		if (!argv[command] || !argv[command + 1])
			_exit(125);
		execvp(argv[command + 1], &argv[command + 1]);
		_exit(125);
	}

	for (;;) {
		struct pollfd ready = { .fd = terminal, .events = POLLIN };
		ssize_t count;

		if (time(NULL) >= end) {
			kill(child, SIGKILL);
			waitpid(child, NULL, 0);
			return 124;
		}
		if (poll(&ready, 1, 200) <= 0)
			continue;
		if (seen_length > sizeof(seen) - 8192)
			seen_length = 0;
		count = read(terminal, seen + seen_length, 4096);
		if (count <= 0)
			break; /* EIO: nobody has the terminal any more */
		if (write(1, seen + seen_length, (size_t)count) != count)
			fail("stdout");
		seen_length += (size_t)count;
		while (strcmp(argv[next], "--") != 0 && memmem(seen, seen_length, argv[next], strlen(argv[next]))) {
			seen_length = 0;
			type(terminal, argv[next + 1]);
			next += 2;
		}
	}

	if (waitpid(child, &status, 0) != child)
		fail("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
