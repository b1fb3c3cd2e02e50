/*
 * A driver of VA-API without hardware, for tests: FFmpeg and libva are the real ones, this takes the place of what a graphics card
 * comes with. Surfaces are memory. H.264 is Constrained Baseline, every macroblock of it the pixels as they are (I_PCM), behind the
 * headers that FFmpeg writes: so what a decoder shows is what was uploaded, to the bit.
 *
 * A copy of it is also loaded before all others (LD_PRELOAD), so that libva takes any file for a device that renders.
 *
 * ONAIR_VA_RATE=cbr        holds rates in that way alone
 * ONAIR_VA_FAILS_AFTER=n   encodes n pictures and no more
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <va/va.h>
#include <va/va_backend.h>
#include <va/va_enc_h264.h>

#define PUBLIC __attribute__((visibility("default")))
#define MOST 65536

/* Whatever has a number. */
struct thing {
	unsigned width, height, pitch; /* of a surface: NV12, whole macroblocks */
	VABufferType type;             /* of a buffer */
	unsigned size, count;
	unsigned char *data;
	int is_foreign; /* the data are a surface's */
	VACodedBufferSegment segment;
	/* of a context: the picture that is being encoded */
	struct thing *target, *coded;
	unsigned char *slice, *head;
	unsigned slice_bits, head_len, packed_type, packed_bits;
	int is_intra;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct thing *things[MOST];
static long pictures;

PUBLIC int drmGetNodeTypeFromFd(int fd) {
	(void)fd;
	return 2; /* DRM_NODE_RENDER */
}

static struct thing *make(unsigned *id) {
	struct thing *made = calloc(1, sizeof *made);
	pthread_mutex_lock(&lock);
	for (*id = 1; *id < MOST && things[*id]; ++*id)
		;
	if (made && *id < MOST)
		things[*id] = made;
	else
		free(made), made = NULL;
	pthread_mutex_unlock(&lock);
	return made;
}

static struct thing *find(unsigned id) {
	pthread_mutex_lock(&lock);
	struct thing *found = id < MOST ? things[id] : NULL;
	pthread_mutex_unlock(&lock);
	return found;
}

static VAStatus destroy(VADriverContextP ctx, unsigned id) {
	(void)ctx;
	struct thing *gone = find(id);
	if (!gone)
		return VA_STATUS_ERROR_INVALID_BUFFER;
	pthread_mutex_lock(&lock);
	things[id] = NULL;
	pthread_mutex_unlock(&lock);
	if (!gone->is_foreign)
		free(gone->data);
	free(gone->slice);
	free(gone->head);
	free(gone);
	return VA_STATUS_SUCCESS;
}

static VAStatus none(void) { return VA_STATUS_SUCCESS; }
static VAStatus cannot(void) { return VA_STATUS_ERROR_UNIMPLEMENTED; }

/* What can be encoded. */

static VAStatus profiles(VADriverContextP ctx, VAProfile *list, int *count) {
	(void)ctx;
	list[0] = VAProfileH264ConstrainedBaseline;
	*count = 1;
	return VA_STATUS_SUCCESS;
}

static VAStatus entrypoints(VADriverContextP ctx, VAProfile profile, VAEntrypoint *list, int *count) {
	(void)ctx, (void)profile;
	list[0] = VAEntrypointEncSlice;
	*count = 1;
	return VA_STATUS_SUCCESS;
}

static VAStatus attributes(VADriverContextP ctx, VAProfile profile, VAEntrypoint entrypoint, VAConfigAttrib *list, int count) {
	(void)ctx, (void)profile, (void)entrypoint;
	const char *rate = getenv("ONAIR_VA_RATE");
	for (int i = 0; i < count; i++) {
		switch (list[i].type) {
		case VAConfigAttribRTFormat: list[i].value = VA_RT_FORMAT_YUV420; break;
		case VAConfigAttribRateControl:
			list[i].value = VA_RC_CQP | VA_RC_CBR | (rate && !strcmp(rate, "cbr") ? 0 : VA_RC_VBR);
			break;
		case VAConfigAttribEncPackedHeaders:
			list[i].value = VA_ENC_PACKED_HEADER_SEQUENCE | VA_ENC_PACKED_HEADER_PICTURE | VA_ENC_PACKED_HEADER_SLICE |
			                VA_ENC_PACKED_HEADER_MISC | VA_ENC_PACKED_HEADER_RAW_DATA;
			break;
		case VAConfigAttribEncMaxRefFrames: list[i].value = 1; break;
		default: list[i].value = VA_ATTRIB_NOT_SUPPORTED;
		}
	}
	return VA_STATUS_SUCCESS;
}

static VAStatus create_config(VADriverContextP ctx, VAProfile profile, VAEntrypoint entrypoint, VAConfigAttrib *list, int count,
                              VAConfigID *id) {
	(void)ctx, (void)entrypoint, (void)list, (void)count;
	if (profile != VAProfileH264ConstrainedBaseline)
		return VA_STATUS_ERROR_UNSUPPORTED_PROFILE;
	return make(id) ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_ALLOCATION_FAILED;
}

static VAStatus surface_attributes(VADriverContextP ctx, VAConfigID config, VASurfaceAttrib *list, unsigned *count) {
	(void)ctx, (void)config;
	static const struct { VASurfaceAttribType type; int value; } all[] = {
		{ VASurfaceAttribPixelFormat, VA_FOURCC_NV12 }, { VASurfaceAttribMinWidth, 16 }, { VASurfaceAttribMinHeight, 16 },
		{ VASurfaceAttribMaxWidth, 8192 }, { VASurfaceAttribMaxHeight, 8192 },
	};
	unsigned most = sizeof all / sizeof *all;
	if (list) {
		for (unsigned i = 0; i < most && i < *count; i++) {
			memset(&list[i], 0, sizeof list[i]);
			list[i].type = all[i].type;
			list[i].flags = VA_SURFACE_ATTRIB_GETTABLE | VA_SURFACE_ATTRIB_SETTABLE;
			list[i].value.type = VAGenericValueTypeInteger;
			list[i].value.value.i = all[i].value;
		}
	}
	*count = most;
	return VA_STATUS_SUCCESS;
}

/* Surfaces, and images of them. */

static VAStatus destroy_surfaces(VADriverContextP ctx, VASurfaceID *list, int count) {
	for (int i = 0; i < count; i++)
		destroy(ctx, list[i]);
	return VA_STATUS_SUCCESS;
}

static VAStatus create_surfaces2(VADriverContextP ctx, unsigned format, unsigned width, unsigned height, VASurfaceID *list,
                                 unsigned count, VASurfaceAttrib *attributes, unsigned attribute_count) {
	(void)ctx, (void)format, (void)attributes, (void)attribute_count;
	for (unsigned i = 0; i < count; i++) {
		struct thing *surface = make(&list[i]);
		if (!surface)
			return VA_STATUS_ERROR_ALLOCATION_FAILED;
		surface->width = (width + 15) & ~15u;
		surface->height = (height + 15) & ~15u;
		/* As hardware has it: rows are longer than they are wide. */
		surface->pitch = (surface->width + 127) & ~127u;
		surface->size = surface->pitch * surface->height * 3 / 2;
		surface->data = calloc(1, surface->size);
		if (!surface->data)
			return VA_STATUS_ERROR_ALLOCATION_FAILED;
	}
	return VA_STATUS_SUCCESS;
}

static VAStatus create_surfaces(VADriverContextP ctx, int width, int height, int format, int count, VASurfaceID *list) {
	return create_surfaces2(ctx, format, width, height, list, count, NULL, 0);
}

static VAStatus image_formats(VADriverContextP ctx, VAImageFormat *list, int *count) {
	(void)ctx;
	memset(list, 0, sizeof *list);
	list->fourcc = VA_FOURCC_NV12;
	list->byte_order = VA_LSB_FIRST;
	list->bits_per_pixel = 12;
	*count = 1;
	return VA_STATUS_SUCCESS;
}

static VAStatus image(VADriverContextP ctx, const struct thing *surface, unsigned width, unsigned height, VAImage *out) {
	VAImageFormat format;
	int count;
	image_formats(ctx, &format, &count);
	memset(out, 0, sizeof *out);
	unsigned pitch = surface ? surface->pitch : (width + 15) & ~15u;
	unsigned lines = surface ? surface->height : (height + 15) & ~15u;
	struct thing *made = make(&out->image_id), *buffer = make(&out->buf);
	if (!made || !buffer)
		return VA_STATUS_ERROR_ALLOCATION_FAILED;
	buffer->type = VAImageBufferType;
	buffer->size = pitch * lines * 3 / 2;
	buffer->data = surface ? surface->data : calloc(1, buffer->size);
	buffer->is_foreign = surface != NULL;
	made->count = out->buf;
	made->pitch = pitch;
	made->height = lines;
	out->format = format;
	out->width = width;
	out->height = height;
	out->data_size = buffer->size;
	out->num_planes = 2;
	out->pitches[0] = out->pitches[1] = pitch;
	out->offsets[1] = pitch * lines;
	return VA_STATUS_SUCCESS;
}

static VAStatus create_image(VADriverContextP ctx, VAImageFormat *format, int width, int height, VAImage *out) {
	(void)format;
	return image(ctx, NULL, width, height, out);
}

static VAStatus derive_image(VADriverContextP ctx, VASurfaceID id, VAImage *out) {
	struct thing *surface = find(id);
	return surface ? image(ctx, surface, surface->width, surface->height, out) : VA_STATUS_ERROR_INVALID_SURFACE;
}

static VAStatus destroy_image(VADriverContextP ctx, VAImageID id) {
	struct thing *image = find(id);
	if (!image)
		return VA_STATUS_ERROR_INVALID_IMAGE;
	destroy(ctx, image->count);
	return destroy(ctx, id);
}

static VAStatus get_image(VADriverContextP ctx, VASurfaceID id, int x, int y, unsigned width, unsigned height, VAImageID to) {
	(void)ctx, (void)x, (void)y;
	struct thing *surface = find(id), *image = find(to), *buffer = image ? find(image->count) : NULL;
	if (!surface || !buffer)
		return VA_STATUS_ERROR_INVALID_SURFACE;
	for (unsigned line = 0; line < height; line++)
		memcpy(buffer->data + line * image->pitch, surface->data + line * surface->pitch, width);
	for (unsigned line = 0; line < (height + 1) / 2; line++)
		memcpy(buffer->data + (image->height + line) * image->pitch,
		       surface->data + (surface->height + line) * surface->pitch, (width + 1) & ~1u);
	return VA_STATUS_SUCCESS;
}

/* Buffers. */

static VAStatus create_buffer(VADriverContextP ctx, VAContextID context, VABufferType type, unsigned size, unsigned count,
                              void *data, VABufferID *id) {
	(void)ctx, (void)context;
	struct thing *buffer = make(id);
	if (!buffer)
		return VA_STATUS_ERROR_ALLOCATION_FAILED;
	buffer->type = type;
	buffer->size = size * count;
	buffer->count = count;
	buffer->data = calloc(1, buffer->size + 1);
	if (!buffer->data)
		return VA_STATUS_ERROR_ALLOCATION_FAILED;
	if (data)
		memcpy(buffer->data, data, buffer->size);
	return VA_STATUS_SUCCESS;
}

static VAStatus map_buffer(VADriverContextP ctx, VABufferID id, void **out) {
	(void)ctx;
	struct thing *buffer = find(id);
	if (!buffer)
		return VA_STATUS_ERROR_INVALID_BUFFER;
	*out = buffer->type == VAEncCodedBufferType ? (void *)&buffer->segment : buffer->data;
	return VA_STATUS_SUCCESS;
}

/* Encoding. */

static VAStatus create_context(VADriverContextP ctx, VAConfigID config, int width, int height, int flag, VASurfaceID *targets,
                               int count, VAContextID *id) {
	(void)ctx, (void)config, (void)width, (void)height, (void)flag, (void)targets, (void)count;
	return make(id) ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_ALLOCATION_FAILED;
}

static VAStatus begin_picture(VADriverContextP ctx, VAContextID id, VASurfaceID target) {
	(void)ctx;
	struct thing *context = find(id);
	if (!context)
		return VA_STATUS_ERROR_INVALID_CONTEXT;
	context->target = find(target);
	context->coded = NULL;
	context->head_len = context->slice_bits = 0;
	return context->target ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_INVALID_SURFACE;
}

/* Says once what it is told of the rate, so that a test can hear it. */
static void hear(const struct thing *buffer) {
	static int is_said;
	const VAEncMiscParameterBuffer *misc = (const void *)buffer->data;
	if (misc->type == VAEncMiscParameterTypeRateControl && !is_said++) {
		const VAEncMiscParameterRateControl *rate = (const void *)misc->data;
		fprintf(stderr, "the driver is told %u bits a second, %u of 100 to be aimed at\n", rate->bits_per_second,
		        rate->target_percentage);
	}
}

static VAStatus render_picture(VADriverContextP ctx, VAContextID id, VABufferID *list, int count) {
	(void)ctx;
	struct thing *context = find(id);
	for (int i = 0; context && i < count; i++) {
		struct thing *buffer = find(list[i]);
		if (!buffer)
			return VA_STATUS_ERROR_INVALID_BUFFER;
		switch (buffer->type) {
		case VAEncPictureParameterBufferType:
			context->coded = find(((VAEncPictureParameterBufferH264 *)buffer->data)->coded_buf);
			break;
		case VAEncSliceParameterBufferType:
			context->is_intra = ((VAEncSliceParameterBufferH264 *)buffer->data)->slice_type % 5 == 2;
			break;
		case VAEncMiscParameterBufferType: hear(buffer); break;
		case VAEncPackedHeaderParameterBufferType:
			context->packed_type = ((VAEncPackedHeaderParameterBuffer *)buffer->data)->type;
			context->packed_bits = ((VAEncPackedHeaderParameterBuffer *)buffer->data)->bit_length;
			break;
		case VAEncPackedHeaderDataBufferType: {
			unsigned len = (context->packed_bits + 7) / 8;
			if (len > buffer->size)
				return VA_STATUS_ERROR_INVALID_BUFFER;
			if (context->packed_type == VAEncPackedHeaderSlice) {
				context->slice = realloc(context->slice, len);
				memcpy(context->slice, buffer->data, len);
				context->slice_bits = context->packed_bits;
			} else {
				context->head = realloc(context->head, context->head_len + len);
				memcpy(context->head + context->head_len, buffer->data, len);
				context->head_len += len;
			}
			break;
		}
		default: break;
		}
	}
	return context ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_INVALID_CONTEXT;
}

/* Writes bits, with what H.264 puts between zeros so that they are no start code. */
struct writer {
	unsigned char *out, *end;
	unsigned byte, bits, zeros;
};

static void put_byte(struct writer *to, unsigned char byte) {
	if (to->zeros == 2 && byte <= 3 && to->out < to->end) {
		*to->out++ = 3;
		to->zeros = 0;
	}
	if (to->out < to->end)
		*to->out++ = byte;
	to->zeros = byte ? 0 : to->zeros + 1;
}

static void put(struct writer *to, unsigned value, unsigned count) {
	while (count--) {
		to->byte = to->byte << 1 | (value >> count & 1);
		if (++to->bits == 8) {
			put_byte(to, to->byte);
			to->byte = to->bits = 0;
		}
	}
}

static void align(struct writer *to) {
	while (to->bits)
		put(to, 0, 1);
}

static VAStatus end_picture(VADriverContextP ctx, VAContextID id) {
	(void)ctx;
	struct thing *context = find(id);
	if (!context || !context->target || !context->coded || !context->slice_bits)
		return VA_STATUS_ERROR_INVALID_CONTEXT;
	const char *most = getenv("ONAIR_VA_FAILS_AFTER");
	if (most && __sync_add_and_fetch(&pictures, 1) > atol(most))
		return VA_STATUS_ERROR_HW_BUSY;
	const struct thing *from = context->target;
	struct thing *coded = context->coded;
	/* What FFmpeg reserves is for pictures that are compressed. */
	unsigned room = context->head_len + context->slice_bits / 8 + from->width * from->height * 5 / 2 + 1024;
	coded->data = realloc(coded->data, room);
	if (!coded->data)
		return VA_STATUS_ERROR_ALLOCATION_FAILED;
	struct writer to = { coded->data, coded->data + room, 0, 0, 0 };
	memcpy(to.out, context->head, context->head_len);
	to.out += context->head_len;
	/* The header of the slice has them already; its last bits go on. */
	unsigned whole = context->slice_bits / 8, rest = context->slice_bits % 8;
	memcpy(to.out, context->slice, whole);
	to.out += whole;
	while (to.zeros < 2 && to.zeros < whole && !context->slice[whole - 1 - to.zeros])
		to.zeros++;
	put(&to, rest ? context->slice[whole] >> (8 - rest) : 0, rest);
	for (unsigned y = 0; y < from->height; y += 16) {
		for (unsigned x = 0; x < from->width; x += 16) {
			/* mb_type I_PCM: 25, behind the run of none that are left out and the five of its own in a P slice. */
			if (context->is_intra)
				put(&to, 26, 9);
			else
				put(&to, 1, 1), put(&to, 31, 9);
			align(&to);
			for (unsigned line = 0; line < 16; line++)
				for (unsigned i = 0; i < 16; i++)
					put_byte(&to, from->data[(y + line) * from->pitch + x + i]);
			for (unsigned plane = 0; plane < 2; plane++)
				for (unsigned line = 0; line < 8; line++)
					for (unsigned i = 0; i < 8; i++)
						put_byte(&to, from->data[(from->height + y / 2 + line) * from->pitch + x + 2 * i + plane]);
		}
	}
	put(&to, 1, 1);
	align(&to);
	memset(&coded->segment, 0, sizeof coded->segment);
	coded->segment.size = to.out - coded->data;
	coded->segment.buf = coded->data;
	return VA_STATUS_SUCCESS;
}

static VAStatus sync_buffer(VADriverContextP ctx, VABufferID id, uint64_t timeout) {
	(void)ctx, (void)timeout;
	return find(id) ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_INVALID_BUFFER;
}

#define NAME_(major, minor) __vaDriverInit_##major##_##minor
#define NAME(major, minor) NAME_(major, minor)

PUBLIC VAStatus NAME(VA_MAJOR_VERSION, VA_MINOR_VERSION)(VADriverContextP ctx) {
	struct VADriverVTable *table = ctx->vtable;
	ctx->version_major = VA_MAJOR_VERSION;
	ctx->version_minor = VA_MINOR_VERSION;
	ctx->max_profiles = ctx->max_entrypoints = ctx->max_image_formats = ctx->max_subpic_formats = 1;
	ctx->max_attributes = 64;
	ctx->max_display_attributes = 1;
	ctx->str_vendor = "memory and nothing else";
	table->vaTerminate = (void *)none;
	table->vaQueryConfigProfiles = profiles;
	table->vaQueryConfigEntrypoints = entrypoints;
	table->vaGetConfigAttributes = attributes;
	table->vaCreateConfig = create_config;
	table->vaDestroyConfig = destroy;
	table->vaQueryConfigAttributes = (void *)cannot;
	table->vaCreateSurfaces = create_surfaces;
	table->vaCreateSurfaces2 = create_surfaces2;
	table->vaQuerySurfaceAttributes = surface_attributes;
	table->vaDestroySurfaces = destroy_surfaces;
	table->vaCreateContext = create_context;
	table->vaDestroyContext = destroy;
	table->vaCreateBuffer = create_buffer;
	table->vaBufferSetNumElements = (void *)cannot;
	table->vaMapBuffer = map_buffer;
	table->vaUnmapBuffer = (void *)none;
	table->vaDestroyBuffer = destroy;
	table->vaBeginPicture = begin_picture;
	table->vaRenderPicture = render_picture;
	table->vaEndPicture = end_picture;
	table->vaSyncSurface = (void *)none;
	table->vaSyncBuffer = sync_buffer;
	table->vaQuerySurfaceStatus = (void *)cannot;
	table->vaPutSurface = (void *)cannot;
	table->vaQueryImageFormats = image_formats;
	table->vaCreateImage = create_image;
	table->vaDeriveImage = derive_image;
	table->vaDestroyImage = destroy_image;
	table->vaSetImagePalette = (void *)cannot;
	table->vaGetImage = get_image;
	table->vaPutImage = (void *)cannot;
	table->vaQuerySubpictureFormats = (void *)cannot;
	table->vaCreateSubpicture = (void *)cannot;
	table->vaDestroySubpicture = (void *)cannot;
	table->vaSetSubpictureImage = (void *)cannot;
	table->vaSetSubpictureChromakey = (void *)cannot;
	table->vaSetSubpictureGlobalAlpha = (void *)cannot;
	table->vaAssociateSubpicture = (void *)cannot;
	table->vaDeassociateSubpicture = (void *)cannot;
	table->vaQueryDisplayAttributes = (void *)cannot;
	table->vaGetDisplayAttributes = (void *)cannot;
	table->vaSetDisplayAttributes = (void *)cannot;
	return VA_STATUS_SUCCESS;
}
