/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The initrd of one guest. The kernel unpacks the archives of an initrd in order, and an
 * uncompressed one must come before a compressed one; so the guest's files come first, under
 * /guest, from where init puts them in their places over the image's.
 *
 * The format is "newc" cpio: Documentation/driver-api/early-userspace/buffer-format.rst of Linux.
 */
#include "base/file.h"
#include "vrouter/image.h"
#include "vrouter/image/image_priv.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define GUEST_ROOT "guest"
#define INITRD_MAX (512u << 20)

static void pad(struct buf *out, size_t start, size_t to)
{
	size_t over = (out->len - start) % to;

	if (over)
		buf_reserve(out, to - over);
}

void cpio_add(struct cpio *c, const char *path, unsigned mode, const void *bytes, size_t len)
{
	size_t name_len = strlen(path) + 1;

	buf_printf(c->out, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", ++c->inode,
		   mode, 0u, 0u, 1u, 0u, (unsigned)len, 0u, 0u, 0u, 0u, (unsigned)name_len, 0u);
	buf_put(c->out, path, name_len);
	pad(c->out, c->start, 4);
	buf_put(c->out, bytes, len);
	pad(c->out, c->start, 4);
}

void cpio_end(struct cpio *c)
{
	cpio_add(c, "TRAILER!!!", 0, NULL, 0);
	pad(c->out, c->start, 512);
}

/* Every directory above path, each time: one that exists already is no error to the kernel. */
static void add_file(struct cpio *c, const char *path, unsigned mode, const void *bytes, size_t len)
{
	char name[PATH_MAX];

	snprintf(name, sizeof(name), GUEST_ROOT "%s", path);
	for (char *p = strchr(name, '/'); p; p = strchr(p + 1, '/')) {
		*p = 0;
		cpio_add(c, name, S_IFDIR | 0755, NULL, 0);
		*p = '/';
	}
	cpio_add(c, name, S_IFREG | (mode & 07777), bytes, len);
}

/* Absolute, without empty, "." or ".." parts: a guest's files stay below GUEST_ROOT. */
static bool path_ok(const char *path)
{
	size_t len = strlen(path);

	if (path[0] != '/' || len >= PATH_MAX - sizeof(GUEST_ROOT) || path[len - 1] == '/')
		return false;
	for (const char *p = path; p; p = strchr(p + 1, '/')) {
		size_t part = strcspn(p + 1, "/");

		if (!part || (part == 1 && p[1] == '.') || (part == 2 && !memcmp(p + 1, "..", 2)))
			return false;
	}
	return true;
}

/* What init reads word by word or line by line must be words or lines. */
static bool word_ok(const char *word)
{
	for (const char *p = word; *p; p++)
		if (!isgraph((unsigned char)*p) || *p == '\\')
			return false;
	return word[0] != 0;
}

static bool env_ok(const char *env)
{
	size_t key = strcspn(env, "=");

	if (!key || env[key] != '=' || isdigit((unsigned char)env[0]) || strpbrk(env, "\n\\"))
		return false;
	for (size_t i = 0; i < key; i++)
		if (!isalnum((unsigned char)env[i]) && env[i] != '_')
			return false;
	return true;
}

static int check(const struct image_guest *guest, struct err *err)
{
	if (!word_ok(guest->hostname) || strlen(guest->hostname) > 64)
		return err_set(err, -EINVAL, "\"%s\" cannot be a hostname", guest->hostname);
	for (unsigned i = 0; i < guest->nic_count; i++) {
		const char *name = guest->nics[i].name;

		if (!word_ok(name) || strlen(name) > 15 || strchr(name, '/'))
			return err_set(err, -EINVAL, "\"%s\" cannot be the name of an interface", name);
	}
	for (unsigned i = 0; i < guest->file_count; i++)
		if (!path_ok(guest->files[i].path) || guest->files[i].len > INT_MAX)
			return err_set(err, -EINVAL, "%s: cannot be the path of a file in a guest",
				       guest->files[i].path);
	for (unsigned i = 0; i < guest->env_count; i++)
		if (!env_ok(guest->env[i]))
			return err_set(err, -EINVAL, "\"%s\" cannot be an environment variable",
				       guest->env[i]);
	return 0;
}

static void put_mac(const uint8_t mac[6], struct buf *out)
{
	buf_printf(out, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

void image_nic_line(const struct image_nic *nic, struct buf *out)
{
	put_mac(nic->mac, out);
	buf_printf(out, " %s %u", nic->name, nic->mtu);
	if (memcmp(nic->as, (uint8_t[6]){ 0 }, 6) != 0) {
		buf_printf(out, " ");
		put_mac(nic->as, out);
	}
	buf_printf(out, "\n");
}

static void add_identity(struct cpio *c, const struct image_guest *guest)
{
	struct buf text = { 0 };

	buf_printf(&text, "%s\n", guest->hostname);
	add_file(c, "/etc/hostname", 0644, text.data, text.len);
	buf_reset(&text);
	buf_printf(&text, "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 %s\n", guest->hostname);
	add_file(c, "/etc/hosts", 0644, text.data, text.len);
	buf_reset(&text);
	for (unsigned i = 0; i < guest->nic_count; i++)
		image_nic_line(&guest->nics[i], &text);
	add_file(c, "/etc/weft/nics", 0644, text.data, text.len);
	buf_reset(&text);
	for (unsigned i = 0; i < guest->env_count; i++)
		buf_printf(&text, "%s\n", guest->env[i]);
	add_file(c, "/etc/weft/env", 0600, text.data, text.len);
	buf_reset(&text);
	for (unsigned i = 0; i < sizeof(guest->machine_id); i++)
		buf_printf(&text, "%02x", guest->machine_id[i]);
	buf_printf(&text, "\n");
	add_file(c, "/etc/machine-id", 0644, text.data, text.len);
	if (guest->no_agent)
		add_file(c, "/etc/weft/no-agent", 0644, "", 0);
	c->out->bad |= text.bad;
	buf_free(&text);
}

int image_guest_archive(const struct image_guest *guest, struct buf *out, struct err *err)
{
	struct cpio c = { .out = out, .start = out->len };
	int code = check(guest, err);

	if (code)
		return code;
	cpio_add(&c, GUEST_ROOT, S_IFDIR | 0755, NULL, 0);
	add_identity(&c, guest);
	for (unsigned i = 0; i < guest->file_count; i++) {
		const struct image_file *f = &guest->files[i];

		add_file(&c, f->path, f->mode, f->bytes, f->len);
	}
	cpio_end(&c);
	return out->bad ? err_sys(err, -ENOMEM, "files of %s", guest->hostname) : 0;
}

int image_guest_initrd(const struct image *img, const struct image_guest *guest, struct buf *out,
		       struct err *err)
{
	int code = image_guest_archive(guest, out, err);

	if (code)
		return code;
	code = file_read(img->initrd, INITRD_MAX, out, err);
	if (!code && out->bad)
		code = err_sys(err, -ENOMEM, "initrd of %s", guest->hostname);
	return code;
}
