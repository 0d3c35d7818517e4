/*
 * vsock.c: the two ends of the laboratory's vsock test.
 *
 *   vsock echo PORT               in the guest: sends back what one connection brings, prints how many bytes that were, and the error
 *                                 if there was one
 *   vsock send SOCKET PORT MIB    on the host's side: connects as Firecracker's users do, and compares what comes back
 *   vsock killed SOCKET PORT MIB  the same without an end, until MIB have come back: then it is killed
 */
#include <errno.h>
#include <linux/vm_sockets.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static unsigned char buffer[65536];

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int write_all(int fd, const unsigned char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t count = write(fd, bytes, length);
		if (count <= 0)
			return -1;
		bytes += count;
		length -= (size_t)count;
	}
	return 0;
}

static void echo(unsigned port)
{
	struct sockaddr_vm address = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port };
	int listener = socket(AF_VSOCK, SOCK_STREAM, 0);
	long long total = 0;
	ssize_t count;
	int fd;

	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(listener, 1) != 0)
		fail("listen");
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		fail("accept");
	while ((count = read(fd, buffer, sizeof(buffer))) > 0 && write_all(fd, buffer, (size_t)count) == 0)
		total += count;
	if (count == 0)
		printf("%lld\n", total);
	else
		printf("%lld, then: %s\n", total, strerror(errno));
}

static int try_connect(const char *path, unsigned port)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char line[64];
	size_t length = 0;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
		int greeting = snprintf(line, sizeof(line), "CONNECT %u\n", port);

		/* While the guest has no driver, the monitor closes at once: then there is nothing to read either. */
		if (write(fd, line, (size_t)greeting) != greeting) {
			close(fd);
			return -1;
		}
		while (length < sizeof(line) - 1 && read(fd, line + length, 1) == 1 && line[length] != '\n')
			length++;
		if (length > 3 && memcmp(line, "OK ", 3) == 0)
			return fd;
	}
	close(fd);
	return -1;
}

/* The byte at a place of the stream: no two blocks are alike. */
static unsigned char byte_at(uint64_t place)
{
	return (unsigned char)((place * 0x9E3779B97F4A7C15u) >> 56);
}

static void send_and_compare(const char *path, unsigned port, uint64_t length, int is_killed)
{
	uint64_t place = 0;
	int fd;

	/* The guest may not listen yet. */
	while ((fd = try_connect(path, port)) < 0)
		usleep(200000);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (is_killed || place < length) {
			for (size_t i = 0; i < sizeof(buffer); i++)
				buffer[i] = byte_at(place + i);
			if (write_all(fd, buffer, sizeof(buffer)) != 0)
				fail("write");
			place += sizeof(buffer);
		}
		shutdown(fd, SHUT_WR);
		_exit(0);
	}
	while (place < length) {
		ssize_t count = read(fd, buffer, sizeof(buffer));
		if (count <= 0)
			fail("read");
		for (ssize_t i = 0; i < count; i++) {
			if (buffer[i] != byte_at(place++)) {
				fprintf(stderr, "a wrong byte at %llu\n", (unsigned long long)place - 1);
				exit(1);
			}
		}
	}
	if (is_killed)
		raise(SIGKILL);
	printf("vsock echoed %llu bytes, all the same\n", (unsigned long long)length);
}

int main(int argc, char **argv)
{
	alarm(1200);
	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && strcmp(argv[1], "echo") == 0)
		echo((unsigned)atoi(argv[2]));
	else if (argc == 5 && strcmp(argv[1], "send") == 0)
		send_and_compare(argv[2], (unsigned)atoi(argv[3]), (uint64_t)atoi(argv[4]) << 20, 0);
	else if (argc == 5 && strcmp(argv[1], "killed") == 0)
		send_and_compare(argv[2], (unsigned)atoi(argv[3]), (uint64_t)atoi(argv[4]) << 20, 1);
	else
		return 64;
	return 0;
}
