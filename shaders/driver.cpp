// Driver of the in-process runtime, appended to the C++ that Slang emits: loops over arrays on all cores.
// Arrays are float32, row-major. `Globals` and `Context` name the structs that Slang emitted.
#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

using Globals = GlobalParams_0;
using Context = KernelContext_0;
using Constants = MaterialConstants_0;
using V2 = Vector<float, 2>;
using V3 = Vector<float, 3>;
using V4 = Vector<float, 4>;

extern "C" struct NeumatBuffers
{
    const void* constants;
    const float* heights;
    const float* surfaces;
    const float* latents;
    const float* weights;
    int64_t counts[5];
};

static Globals bind(const NeumatBuffers& b)
{
    Globals g = {};
    g.neumatConstants = {(Constants*)b.constants, (size_t)b.counts[0]};
    g.neumatHeights = {(float*)b.heights, (size_t)b.counts[1]};
    g.neumatSurfaces = {(V4*)b.surfaces, (size_t)b.counts[2]};
#ifndef NEUMAT_TRUTH  // Slang drops what a program does not read
    g.neumatLatents = {(V4*)b.latents, (size_t)b.counts[3]};
    g.neumatWeights = {(V4*)b.weights, (size_t)b.counts[4]};
#endif
    return g;
}

// Work is taken in blocks, so that cores that are slower or busy take fewer; `stop` is set by another thread.
template <class Body>
static void parallel(int64_t count, int64_t block, int threads, volatile const int32_t* stop,
                     std::atomic<int64_t>* done, const Body& body)
{
    std::atomic<int64_t> next(0);
    auto work = [&]() {
        for (;;)
        {
            int64_t begin = next.fetch_add(block);
            if (begin >= count || (stop && *stop))
                return;
            int64_t end = std::min(begin + block, count);
            for (int64_t i = begin; i < end; i++)
                body(i);
            if (done)
                done->fetch_add(end - begin);
        }
    };
    std::vector<std::thread> others;
    for (int t = 1; t < threads; t++)
        others.emplace_back(work);
    work();
    for (auto& other : others)
        other.join();
}

static V2 load2(const float* p) { return V2{p[0], p[1]}; }
static V3 load3(const float* p) { return V3{p[0], p[1], p[2]}; }
static void store3(float* p, V3 v) { p[0] = v.x; p[1] = v.y; p[2] = v.z; }

#ifdef NEUMAT_TRUTH

// uv (n,2), wo (n,3), wi (n,3) → out (n,3): mean of pi·f over the pixel.
extern "C" __attribute__((visibility("default"))) void neumat_truth(
    const NeumatBuffers* buffers, int64_t n, const float* uv, const float* wo, const float* wi, float width,
    int32_t level, int32_t bounces, int32_t samples, uint32_t seed, float* out, int32_t threads,
    volatile const int32_t* stop, int64_t* done)
{
    Globals globals = bind(*buffers);
    Context context = {&globals};
    parallel(n, 512, threads, stop, (std::atomic<int64_t>*)done, [&](int64_t i) {
        store3(out + 3 * i, neumatTruth(load2(uv + 2 * i), width, load3(wo + 3 * i), load3(wi + 3 * i), level, bounces,
                                        samples, seed + (uint32_t)i, &context));
    });
}

// Exact hits: uv (n,2), wo (n,3) → out (n,3): uv of the hit, z in texture widths.
extern "C" __attribute__((visibility("default"))) void neumat_exact_hit(
    const NeumatBuffers* buffers, int64_t n, const float* uv, const float* wo, int32_t level, float* out,
    int32_t threads)
{
    Globals globals = bind(*buffers);
    Context context = {&globals};
    parallel(n, 512, threads, nullptr, nullptr, [&](int64_t i) {
        store3(out + 3 * i, neumatExactHit(load2(uv + 2 * i), load3(wo + 3 * i), level, &context));
    });
}

#else

enum Mode { NEURAL = 0, PBR = 1, MARCHED = 2 };

struct Prepared
{
    V4 hit, color, surface, latent0, latent1, latent2;
};

static Prepared prepare(V2 uv, float footprint, V3 wo, int mode, Context* context)
{
    Prepared p = {};
    if (mode == NEURAL)
        neumatPrepare(uv, footprint, wo, &p.hit, &p.color, &p.surface, &p.latent0, &p.latent1, &p.latent2, context);
    else if (mode == PBR)
        neumatPbrPrepare(uv, footprint, &p.hit, &p.color, &p.surface, context);
    else
        neumatMarchedPrepare(uv, footprint, wo, &p.hit, &p.color, &p.surface, context);
    return p;
}

static V3 evaluate(const Prepared& p, V3 wo, V3 wi, int mode, Context* context)
{
    if (mode == NEURAL)
        return neumatEvaluate(p.hit, p.color, p.surface, p.latent0, p.latent1, p.latent2, wo, wi, context);
    if (mode == PBR)
        return wi.z > 0.0f ? neumatPbrEvaluate(p.color, p.surface, wo, wi) : V3{0.0f, 0.0f, 0.0f};
    return neumatMarchedEvaluate(p.hit, p.color, p.surface, wo, wi, context);
}

// uv (n,2), footprint (n), wo (n,3) → prepared (n,24): hit, color, surface, three float4s of latents.
extern "C" __attribute__((visibility("default"))) void neumat_prepare(
    const NeumatBuffers* buffers, int64_t n, const float* uv, const float* footprint, const float* wo, float* out,
    int32_t mode, int32_t threads)
{
    Globals globals = bind(*buffers);
    Context context = {&globals};
    parallel(n, 1024, threads, nullptr, nullptr, [&](int64_t i) {
        ((Prepared*)out)[i] = prepare(load2(uv + 2 * i), footprint[i], load3(wo + 3 * i), mode, &context);
    });
}

// prepared (n,24), wo (n,3), wi (n,3) → out (n,3): f.
extern "C" __attribute__((visibility("default"))) void neumat_evaluate(
    const NeumatBuffers* buffers, int64_t n, const float* prepared, const float* wo, const float* wi, float* out,
    int32_t mode, int32_t threads)
{
    Globals globals = bind(*buffers);
    Context context = {&globals};
    parallel(n, 1024, threads, nullptr, nullptr, [&](int64_t i) {
        store3(out + 3 * i,
               evaluate(((const Prepared*)prepared)[i], load3(wo + 3 * i), load3(wi + 3 * i), mode, &context));
    });
}

// uv (n,2), footprint (n), wo (n,3), wi (n,lights,3), weight (n,lights,3) → out (n,3): the sum of f·weight.
extern "C" __attribute__((visibility("default"))) void neumat_shade(
    const NeumatBuffers* buffers, int64_t n, int64_t lights, const float* uv, const float* footprint, const float* wo,
    const float* wi, const float* weight, float* out, int32_t mode, int32_t threads)
{
    Globals globals = bind(*buffers);
    Context context = {&globals};
    parallel(n, std::max<int64_t>(1, 2048 / std::max<int64_t>(lights, 1)), threads, nullptr, nullptr, [&](int64_t i) {
        V3 view = load3(wo + 3 * i);
        Prepared p = prepare(load2(uv + 2 * i), footprint[i], view, mode, &context);
        V3 sum = {0.0f, 0.0f, 0.0f};
        for (int64_t l = 0; l < lights; l++)
        {
            const float* w = weight + 3 * (i * lights + l);
            if (w[0] == 0.0f && w[1] == 0.0f && w[2] == 0.0f)
                continue;
            V3 f = evaluate(p, view, load3(wi + 3 * (i * lights + l)), mode, &context);
            sum = sum + f * load3(w);
        }
        store3(out + 3 * i, sum);
    });
}

// What the fit of a hybrid needs of each sample: uv, footprint, wo, wi → out (n,12): uv of the hit, z, the normal,
// base (3), rise and horizon of the light march, n·wi.
extern "C" __attribute__((visibility("default"))) void neumat_features(
    const NeumatBuffers* buffers, int64_t n, const float* uv, const float* footprint, const float* wo, const float* wi,
    float* out, int32_t threads)
{
    Globals globals = bind(*buffers);
    Context context = {&globals};
    parallel(n, 1024, threads, nullptr, nullptr, [&](int64_t i) {
        V3 view = load3(wo + 3 * i), light = load3(wi + 3 * i);
        Prepared p = prepare(load2(uv + 2 * i), footprint[i], view, MARCHED, &context);
        V3 base = neumatPbrEvaluate(p.color, p.surface, view, light);
        V2 shadow = neumatLightMarch(p.hit, light, &context);
        float* o = out + 12 * i;
        o[0] = p.hit.x; o[1] = p.hit.y; o[2] = p.hit.z;
        o[3] = p.surface.x; o[4] = p.surface.y; o[5] = p.surface.z;
        store3(o + 6, base);
        o[9] = shadow.x; o[10] = shadow.y;
        o[11] = p.surface.x * light.x + p.surface.y * light.y + p.surface.z * light.z;
    });
}

#endif
