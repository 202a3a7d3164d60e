/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/client.h"

#include "base/buf.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX (256u << 20) /* a FIB of a million routes is about 100 MB of JSON */
#define LINE_MAX_BYTES (4u << 20)
#define CONNECT_TIMEOUT_S 5L

struct client {
	CURL *curl;
	char socket[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	client_tick tick;
	void *tick_arg;
};

/* One request's state while curl runs. */
struct request {
	struct client *client;
	struct buf in;
	client_line line; /* NULL: the answer is one object */
	void *arg;
	int code; /* why a callback stopped curl */
	struct err err;
};

static int on_progress(void *arg, curl_off_t dt, curl_off_t dn, curl_off_t ut, curl_off_t un)
{
	struct client *c = arg;

	if (c->tick)
		c->tick(c->tick_arg);
	return 0;
}

const char *client_token(void)
{
	const char *token = getenv("WEFT_TOKEN");

	return token && *token ? token : NULL;
}

int client_create(const char *run_dir, struct client **out, struct err *err)
{
	struct client *c = calloc(1, sizeof(*c));
	int code;

	if (!c)
		return err_sys(err, -ENOMEM, "client");
	if (snprintf(c->socket, sizeof(c->socket), "%s/%s.sock", run_dir,
		     client_token() ? "users" : "weftd") >= (int)sizeof(c->socket)) {
		code = err_set(err, -ENAMETOOLONG,
			       "WEFT_RUN=%s is too long for a socket's path; use a shorter one",
			       run_dir);
		goto fail_client;
	}
	c->curl = curl_easy_init();
	if (!c->curl) {
		code = err_sys(err, -ENOMEM, "libcurl");
		goto fail_client;
	}
	*out = c;
	return 0;

fail_client:
	free(c);
	return code;
}

void client_destroy(struct client *c)
{
	if (!c)
		return;
	curl_easy_cleanup(c->curl);
	free(c);
}

void client_on_tick(struct client *c, client_tick tick, void *arg)
{
	c->tick = tick;
	c->tick_arg = arg;
}

const char *client_socket(const struct client *c)
{
	return c->socket;
}

bool client_absent(const struct client *c)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool absent;

	if (fd < 0)
		return false;
	memcpy(to.sun_path, c->socket, sizeof(to.sun_path));
	absent = connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 &&
		 (errno == ENOENT || errno == ECONNREFUSED);
	close(fd);
	return absent;
}

/* Parses one object; anything else is an error. */
static int parse_object(const void *bytes, size_t len, json_t **out, struct err *err)
{
	json_error_t why;
	json_t *v = json_loadb(bytes, len, 0, &why);

	if (json_is_object(v)) {
		*out = v;
		return 0;
	}
	json_decref(v);
	return err_set(err, -EBADMSG, "weftd's answer is not the JSON this weft understands; "
				      "compare both versions with `weft version`");
}

static int split_lines(struct request *r)
{
	uint8_t *end;

	while (!r->code && (end = memchr(r->in.data, '\n', r->in.len))) {
		size_t len = (size_t)(end - r->in.data);
		json_t *line;

		if (len) {
			r->code = parse_object(r->in.data, len, &line, &r->err);
			if (r->code)
				break;
			r->code = r->line(r->arg, line, &r->err);
			json_decref(line);
		}
		buf_consume(&r->in, len + 1);
	}
	if (!r->code && r->in.len > LINE_MAX_BYTES)
		r->code = err_set(&r->err, -EBADMSG, "weftd sent a line of over %u bytes",
				  LINE_MAX_BYTES);
	return r->code;
}

static size_t on_bytes(char *bytes, size_t one, size_t len, void *arg)
{
	struct request *r = arg;
	long status = 0;

	curl_easy_getinfo(r->client->curl, CURLINFO_RESPONSE_CODE, &status);
	if (r->in.len + len > ANSWER_MAX) {
		r->code = err_set(&r->err, -EBADMSG, "weftd's answer is over %u bytes", ANSWER_MAX);
		return 0;
	}
	buf_put(&r->in, bytes, len);
	if (r->in.bad) {
		r->code = err_sys(&r->err, -ENOMEM, "weftd's answer");
		return 0;
	}
	if (r->line && status == 200 && split_lines(r))
		return 0;
	return len;
}

static int explain_curl(const struct client *c, CURLcode why, struct err *err)
{
	long os = 0;

	curl_easy_getinfo(c->curl, CURLINFO_OS_ERRNO, &os);
	switch (why) {
	case CURLE_COULDNT_CONNECT:
		if (os == EACCES || os == EPERM)
			return err_set(err, -ENOTCONN,
				       "may not use %s: run as root, or give a token (WEFT_TOKEN, "
				       "--token-file)", c->socket);
		return err_set(err, -ENOTCONN, "weftd does not answer on %s: `weft deploy`, as root, "
			       "starts it", c->socket);
	case CURLE_OPERATION_TIMEDOUT:
		return err_set(err, -ETIMEDOUT, "weftd did not answer in time; look at its log");
	default:
		return err_set(err, -EIO, "the connection to weftd broke (%s); look at its log",
			       curl_easy_strerror(why));
	}
}

/* The sentence of an error answer, or one about its absence. */
static int explain_status(long status, const struct request *r, struct err *err)
{
	int code = status == 404   ? -ENOENT
		   : status == 400 ? -EINVAL
		   : status == 409 ? -EBUSY
		   : status == 401 || status == 403 ? -EACCES
				   : -EREMOTEIO;
	json_t *answer = NULL;
	const char *text = NULL;

	if (!parse_object(r->in.data, r->in.len, &answer, NULL))
		text = json_string_value(json_object_get(answer, "error"));
	if (text)
		err_set(err, code, "%s", text);
	else
		err_set(err, code, "weftd answered %ld without saying why; look at its log", status);
	json_decref(answer);
	return code;
}

static struct curl_slist *setup(struct request *r, const char *method, const char *path,
				const char *body, unsigned timeout_s)
{
	CURL *curl = r->client->curl;
	struct curl_slist *headers = NULL;
	char url[2048], token[256];

	snprintf(url, sizeof(url), "http://weftd%s", path);
	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, r->client->socket);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)timeout_s);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, r->client);
	if (client_token()) {
		snprintf(token, sizeof(token), "Authorization: Bearer %s", client_token());
		headers = curl_slist_append(headers, token);
	}
	if (body) {
		headers = curl_slist_append(headers, "Content-Type: application/json");
		headers = curl_slist_append(headers, "Expect:");
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
	}
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	return headers;
}

/* Runs the request; afterwards r->in holds what line callbacks have not consumed. */
static int perform(struct request *r, const char *method, const char *path, const json_t *body,
		   unsigned timeout_s, struct err *err)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	struct curl_slist *headers;
	CURLcode done;
	long status = 0;
	int code;

	if (body && !text)
		return err_sys(err, -ENOMEM, "request");
	headers = setup(r, method, path, text ? text : strcmp(method, "POST") ? NULL : "{}",
			timeout_s);
	done = curl_easy_perform(r->client->curl);
	curl_easy_getinfo(r->client->curl, CURLINFO_RESPONSE_CODE, &status);
	if (r->code) {
		code = r->code;
		if (err)
			*err = r->err;
	} else if (done != CURLE_OK) {
		code = explain_curl(r->client, done, err);
	} else if (status < 200 || status > 299) {
		code = explain_status(status, r, err);
	} else {
		code = 0;
	}
	curl_slist_free_all(headers);
	free(text);
	return code;
}

int client_call(struct client *c, const char *method, const char *path, const json_t *body,
		unsigned timeout_s, json_t **out, struct err *err)
{
	struct request r = { .client = c };
	json_t *answer = NULL;
	int code = perform(&r, method, path, body, timeout_s, err);

	if (!code)
		code = parse_object(r.in.data, r.in.len, &answer, err);
	buf_free(&r.in);
	if (out && !code)
		*out = answer;
	else
		json_decref(answer);
	return code;
}

int client_stream(struct client *c, const char *method, const char *path, const json_t *body,
		  client_line cb, void *arg, struct err *err)
{
	struct request r = { .client = c, .line = cb, .arg = arg };
	int code = perform(&r, method, path, body, 0, err);

	buf_free(&r.in);
	return code;
}
