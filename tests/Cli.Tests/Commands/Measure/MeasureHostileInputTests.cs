using KvmSevVmm.Sev.Tests.Firmware;
using KvmSevVmm.TestSupport;

namespace KvmSevVmm.Cli.Tests.Commands.Measure;

/// <summary>Damaged kernels, initrds, firmware images and blobs through the verb: an answer or one line, never a crash.</summary>
public sealed class MeasureHostileInputTests : IDisposable
{
    private const int Count = 1500;
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void DamagedElfKernel_IsMeasuredOrRefused() => Damage(
        TinyKernel.Create([0xF4, 0xEB, 0xFD]), 128, file => ["--sev", "sev,cbitpos=51", "--memory", "64M", "--kernel", file]);

    [Fact]
    public void DamagedBzImage_IsMeasuredOrRefused() => Damage(
        MakeBzImage(), 0x270, file => ["--sev", "sev-es,cbitpos=51,legacy-vm-type=on", "--memory", "64M", "--kernel", file]);

    [Fact]
    public void DamagedFirmware_IsMeasuredOrRefused()
    {
        byte[] image = OvmfBuilder.Complete().ToBytes();
        string kernel = Write("kernel-file", "kernel"u8);
        Damage(image, -0x600, file => ["--sev", "sev-snp", "--cpus", "2", "--firmware", file, "--kernel", kernel]);
        Damage(image, -0x600, file => ["--sev", "sev-es", "--cpus", "2", "--firmware", file, "--explain"]);
    }

    [Fact]
    public void DamagedBlobs_AreReadOrRefused()
    {
        string digest = new('a', 64);
        Damage(
            "p0pcHIC5hvVnkYG94G3lKfE2/8tTaCDdmqx8bZO37TKgoaKjpKWmp6ipqqusra6v\n"u8.ToArray(),
            64,
            file => ["--sev", "sev", "--launch-digest", digest, "--tik", Write("tik", new byte[16]), "--firmware-version", "1.55.25",
                "--expect", file],
            count: 100);
    }

    // Where the head is negative the interesting bytes are at the end.
    private void Damage(byte[] valid, int head, Func<string, string[]> options, int count = Count)
    {
        int seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        Random random = new(seed);
        string file = _directory.File("./damaged");
        string[] arguments = ["measure", .. options(file)];
        int answers = 0;
        for (int index = 0; index < count; index++)
        {
            byte[] damaged = [.. valid];
            for (int change = random.Next(1, 4); change > 0; change--)
            {
                int at = head < 0 ? damaged.Length + random.Next(head, 0) : random.Next(head);
                damaged[at] = random.Next(3) switch
                {
                    0 => (byte)random.Next(256),
                    1 => 0xFF,
                    _ => (byte)(damaged[at] ^ (1 << random.Next(8))),
                };
            }

            if (random.Next(10) == 0)
            {
                damaged = damaged[..random.Next(damaged.Length)];
            }

            File.WriteAllBytes(file, damaged);
            CliResult result = CliRunner.Run(arguments);

            // A variant that is sought in vain is an answer too; and a measurement cut to the length of a digest is one, for which the
            // options do not fit.
            bool isCut = damaged.Length < valid.Length;
            Assert.True(
                result.ExitCode is ExitCode.Success or ExitCode.Failure or ExitCode.BadInput
                    || (isCut && result.ExitCode == ExitCode.Usage),
                $"seed {seed}, mutation {index}: exit code {result.ExitCode}: {result.Error}");
            Assert.DoesNotContain("internal error", result.Error, StringComparison.Ordinal);
            answers += result.ExitCode == ExitCode.Success ? 1 : 0;
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{answers} of {count} were measured");
    }

    private string Write(string name, ReadOnlySpan<byte> content)
    {
        string path = _directory.File(name);
        File.WriteAllBytes(path, content);
        return path;
    }

    // The least that is a bzImage with a 64-bit entry: Documentation/arch/x86/boot.rst.
    private static byte[] MakeBzImage()
    {
        byte[] file = new byte[1024 + 8192];
        file[0x1F1] = 1;
        BitConverter.TryWriteBytes(file.AsSpan(0x1F4), 8192 / 16);
        BitConverter.TryWriteBytes(file.AsSpan(0x1FE), (ushort)0xAA55);
        file[0x200] = 0xEB;
        file[0x201] = 0x6A;
        "HdrS"u8.CopyTo(file.AsSpan(0x202));
        BitConverter.TryWriteBytes(file.AsSpan(0x206), (ushort)0x20F);
        file[0x211] = 1;
        BitConverter.TryWriteBytes(file.AsSpan(0x214), 0x10_0000);
        BitConverter.TryWriteBytes(file.AsSpan(0x22C), 0x7FFF_FFFF);
        BitConverter.TryWriteBytes(file.AsSpan(0x230), 0x20_0000);
        file[0x234] = 1;
        BitConverter.TryWriteBytes(file.AsSpan(0x236), (ushort)0x7F);
        BitConverter.TryWriteBytes(file.AsSpan(0x238), 2047);
        BitConverter.TryWriteBytes(file.AsSpan(0x258), 0x20_0000UL);
        BitConverter.TryWriteBytes(file.AsSpan(0x260), 0x10_0000);
        return file;
    }
}
