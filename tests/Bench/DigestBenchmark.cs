using System.Diagnostics;
using System.Globalization;
using KvmSevVmm.Sev.Measurement;

namespace KvmSevVmm.Bench;

/// <summary>
/// Launch digests of 256 MiB against <c>openssl speed</c> with the same block size on one core, in turns; and SEV-SNP's on all cores.
/// </summary>
internal static class DigestBenchmark
{
    private const int Size = 256 << 20;
    private const int PageSize = SnpLaunchDigest.PageSize;

    // What SEV-SNP hashes a second time for each page: the digest before, the page's hash, its type and address.
    private const int PageInfoSize = 0x70;

    // openssl speed counts in thousands of bytes; its largest block of its own choosing is 16 KiB, SHA-256 in one stream sees no end.
    private const int StreamBlock = 16384;
    private const int Rounds = 5;

    // At least 0.9 of openssl's rate, as the time that may be taken for its time.
    private const double Limit = 1 / 0.9;

    /// <summary>Runs the benchmarks.</summary>
    /// <param name="report">Where the figures go.</param>
    public static void Run(Report report)
    {
        byte[] data = GC.AllocateUninitializedArray<byte>(Size);
        new Random(1).NextBytes(data);
        Compare(report, "digest of 256 MiB, SEV (SHA-256)", "sha256", [StreamBlock], () =>
        {
            using SevLaunchDigest digest = new();
            digest.UpdateData(null, data, string.Empty);
            return digest.GetDigest();
        });
        Compare(report, "hashes of 65536 pages (SHA-384)", "sha384", [PageSize], () =>
        {
            byte[] hash = new byte[SnpLaunchDigest.Size];
            for (int offset = 0; offset < Size; offset += PageSize)
            {
                PageHash.Compute(data.AsSpan(offset, PageSize), hash);
            }

            return hash;
        });
        Compare(report, "digest of 256 MiB, SEV-SNP (SHA-384)", "sha384", [PageSize, PageInfoSize], () =>
        {
            SnpLaunchDigest digest = new();
            digest.UpdateNormal(0, data, string.Empty);
            return digest.Digest.ToArray();
        });
        MeasureAllCores(data);
    }

    private static void MeasureAllCores(byte[] data)
    {
        double one = double.MaxValue;
        double all = double.MaxValue;
        for (int round = 0; round < Rounds; round++)
        {
            one = Math.Min(one, Elapsed(() => new SnpLaunchDigest().UpdateNormal(0, data, string.Empty)));
            all = Math.Min(all, Elapsed(() => new SnpLaunchDigest().UpdateNormalInParallel(0, data, string.Empty)));
        }

        Report.Tell("digest of 256 MiB, SEV-SNP, all cores", all / one, "ratio", string.Create(
            CultureInfo.InvariantCulture,
            $"{Size / all / 1e6:0} MB/s on {Environment.ProcessorCount} processors; the time, for that of one, best of {Rounds}"));
    }

    // In turns, and the best of each. Processor time, as openssl counts it, so that other work on the machine counts less.
    private static void Compare(Report report, string name, string algorithm, int[] blocks, Func<byte[]> digest)
    {
        double ours = double.MaxValue;
        double[] theirs = [.. Enumerable.Repeat(double.MaxValue, blocks.Length)];
        for (int round = 0; round < Rounds; round++)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                theirs[index] = Math.Min(theirs[index], blocks[index] / AskOpenSsl(algorithm, blocks[index]));
            }

            TimeSpan start = Environment.CpuUsage.UserTime;
            GC.KeepAlive(digest());
            ours = Math.Min(ours, (Environment.CpuUsage.UserTime - start).TotalSeconds / (Size / (double)blocks[0]));
        }

        report.Add(name, ours / theirs.Sum(), Limit, "ratio", string.Create(
            CultureInfo.InvariantCulture,
            $"{blocks[0] / ours / 1e6:0} MB/s, openssl speed -evp {algorithm} -bytes {string.Join(" and ", blocks)}: "
            + $"{blocks[0] / theirs.Sum() / 1e6:0} MB/s, best of {Rounds}"));
    }

    private static double Elapsed(Action digest)
    {
        long start = Stopwatch.GetTimestamp();
        digest();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Bytes a second of <c>openssl speed</c>; its last line ends with thousands of bytes a second and a k.</summary>
    private static double AskOpenSsl(string algorithm, int block)
    {
        using Process process = Process.Start(new ProcessStartInfo(
            "openssl", ["speed", "-seconds", "1", "-bytes", block.ToString(CultureInfo.InvariantCulture), "-evp", algorithm])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        _ = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        string figure = output.TrimEnd().Split(' ', '\n')[^1];
        return figure.EndsWith('k') && double.TryParse(figure[..^1], NumberStyles.Float, CultureInfo.InvariantCulture, out double thousands)
            ? thousands * 1000
            : throw new InvalidOperationException($"openssl speed ends with '{figure}', which is no rate");
    }
}
