using System.Security.Cryptography;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Tests;
using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Tests.Boot;

namespace KvmSevVmm.Cli.Tests.Owner;

/// <summary>
/// Damaged files through the verbs: an answer, or one line that names the file and a field. The formats themselves are mutated by the
/// hundred thousand in Sev.Tests; kernels, which no other test reads for people, here.
/// </summary>
public sealed class HostileFileTests : IDisposable
{
    private const int Rounds = 150;
    private static readonly byte[] Session = [.. Enumerable.Range(0, 128).Select(static index => (byte)index)];
    private readonly OwnerDirectory _owner = new();

    public void Dispose() => _owner.Dispose();

    [Theory]
    [InlineData("inspect session FILE")]
    [InlineData("inspect cert FILE")]
    [InlineData("inspect report FILE")]
    [InlineData("inspect id-block FILE")]
    [InlineData("inspect ovmf FILE")]
    [InlineData("inspect kernel FILE")]
    [InlineData("attest show FILE")]
    [InlineData(
        "attest verify FILE --tik TIK --policy 3 --firmware 1.55.25 "
        + "--digest 5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef")]
    [InlineData("session inspect FILE --tik TIK --policy 3")]
    [InlineData("session create FILE --policy 3 --allow-simulated --name OUT --force")]
    [InlineData(
        "secret package --measurement FILE --tek TIK --tik TIK --entry 736869e5-84f0-4973-92ec-06879ce3da0b:x --header OUT --secret OUT2")]
    [InlineData(
        "secret package --measurement MEASUREMENT --tek FILE --tik FILE --entry 736869e5-84f0-4973-92ec-06879ce3da0b:x "
        + "--header OUT --secret OUT2")]
    public void DamagedFile_IsAnsweredOrNamed(string words)
    {
        _owner.MakeSession();
        File.WriteAllBytes(_owner.File("MEASUREMENT"), new byte[48]);
        string[] command =
        [
            .. words.Split(' ').Select(word => word switch
            {
                "TIK" => _owner.File("vm_tik.bin"),
                "FILE" or "OUT" or "OUT2" or "MEASUREMENT" => _owner.File(word),
                _ => word,
            }),
        ];
        byte[][] seeds = Seeds(words);
        int seed = Environment.TickCount;
        Random random = new(seed);
        for (int round = 0; round < Rounds; round++)
        {
            byte[] damaged = Damage(seeds[round % seeds.Length], random);
            File.WriteAllBytes(_owner.File("FILE"), damaged);
            CliResult result = CliRunner.Run(command);
            string what = $"seed {seed}, round {round}: {result.ExitCode}\n{result.Error}{Convert.ToHexString(damaged)}";
            Assert.True(result.ExitCode is 0 or 1 or 65 or 64, what);
            if (result.ExitCode == 65)
            {
                Assert.True(result.ErrorLines.Length == 1 && result.Output.Length == 0, what);
                Assert.True(result.Error.Split(": ").Length >= 4, what);
            }
        }
    }

    [Fact]
    public void Kernels_Mutated_AreDescribedOrRefusedByField()
    {
        byte[] image = new BzImageBuilder { ProtectedModeSize = 0x800 }.Build();
        byte[] elf = TinyKernel.Create([0xF4]);

        Fuzz.Truncate(image, Describe);
        Fuzz.Mutate([image, elf], Describe);
    }

    private static void Describe(byte[] bytes)
    {
        try
        {
            using KernelImage kernel = KernelImage.Parse(ImageSource.FromMemory("fuzz", bytes));
            Assert.All(kernel.Fields, static field => Assert.NotEmpty(field.Name));
        }
        catch (InvalidInputException refusal)
        {
            Assert.NotEmpty(refusal.Field);
        }
    }

    private byte[][] Seeds(string words)
    {
        byte[] chain = File.ReadAllBytes(_owner.File("platform.chain"));
        byte[] report = new byte[1184];
        report[0] = 3;
        report[0x34] = 1;
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        IdBlock block = IdBlock.Create(new byte[48], SnpPolicy.Default);
        byte[] measurement = new byte[48];
        measurement[0] = 1;
        byte[] bundle = System.Text.Encoding.ASCII.GetBytes(
            $$"""
            {"schema":"kvmsev.launch-bundle/1","mode":"sev","kind":"sev","simulated":false,"policy":"0x3","firmware":{"apiMajor":1,
            "apiMinor":55,"build":25},"launchDigest":"{{_owner.Digest}}",
            "measurement":"{{Convert.ToBase64String(measurement)}}","platform":null}
            """);
        return words switch
        {
            _ when words.Contains("session", StringComparison.Ordinal) && !words.Contains("create", StringComparison.Ordinal) => [Session],
            _ when words.Contains("id-block", StringComparison.Ordinal) =>
                [block.Bytes.ToArray(), IdAuthentication.Create(block, key, key).Bytes.ToArray()],
            _ when words.Contains("cert", StringComparison.Ordinal) => [chain, chain[..2084], chain[8336..], chain[8336..9936]],
            _ when words.Contains("create", StringComparison.Ordinal) => [chain],
            _ when words.Contains("--measurement FILE", StringComparison.Ordinal) => [measurement, bundle],
            _ when words.Contains("--tek FILE", StringComparison.Ordinal) => [new byte[16]],
            _ when words.Contains("verify", StringComparison.Ordinal) => [measurement, bundle],
            _ when words.Contains("ovmf", StringComparison.Ordinal) => [.. Ovmf()],
            _ when words.Contains("kernel", StringComparison.Ordinal) => [new BzImageBuilder().Build(), TinyKernel.Create([0xF4])],
            _ => [report, new byte[208], System.Text.Encoding.ASCII.GetBytes(Convert.ToBase64String(report))],
        };
    }

    private static byte[][] Ovmf() =>
        [Vectors.Bytes("virtee-sev-snp-measure/ovmf_AmdSev_suffix.bin"), Vectors.Bytes("virtee-sev-snp-measure/ovmf_OvmfX64_suffix.bin")];

    private static byte[] Damage(byte[] valid, Random random)
    {
        byte[] damaged = [.. valid];
        for (int change = random.Next(1, 4); change > 0; change--)
        {
            int at = random.Next(damaged.Length);
            damaged = random.Next(5) switch
            {
                0 => damaged[..Math.Max(at, 1)],
                1 => [.. damaged, (byte)random.Next(256)],
                _ => [.. damaged[..at], (byte)(damaged[at] ^ (1 << random.Next(8))), .. damaged[(at + 1)..]],
            };
        }

        return damaged;
    }
}
