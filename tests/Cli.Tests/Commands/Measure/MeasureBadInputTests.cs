using KvmSevVmm.Sev.Tests.Firmware;
using KvmSevVmm.TestSupport;

namespace KvmSevVmm.Cli.Tests.Commands.Measure;

/// <summary>Every wrong file or value is one clear line.</summary>
public sealed class MeasureBadInputTests : IDisposable
{
    private const string Digest = "2222222222222222222222222222222222222222222222222222222222222222";

    private readonly TempDirectory _directory = new();

    public MeasureBadInputTests()
    {
        Write("tiny.elf", TinyKernel.Create([0xF4]));
        Write("ovmf.fd", OvmfBuilder.Complete().ToBytes());
        Write("plain.fd", new byte[8192]);
        Write("odd.fd", new byte[100]);
        Write("odd16.fd", new byte[4112]);
        Write("empty", []);
        Write("tik.bin", new byte[16]);
        Write("short", new byte[15]);
        Write("page", new byte[4096]);
        Write("key.pem", "no key"u8.ToArray());
    }

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("", "--sev is required", "write --sev sev, sev-es or sev-snp")]
    [InlineData("--sev none", "--sev: unknown value 'none'", "the values are: sev, sev-es, sev-snp, simulated, seves, snp")]
    [InlineData("--sev sev", "nothing to measure", "give --kernel, --firmware or --launch-digest")]
    [InlineData("--sev sev-snp --kernel tiny.elf", "--firmware is required with SEV-SNP", "a SEV-SNP guest starts with ")]
    [InlineData("--sev sev,cbitpos=5 --kernel tiny.elf", "--sev cbitpos: '5' is out of range; it must be 33 to 51", null)]
    [InlineData("--sev sev,kind=sev --kernel tiny.elf", "--sev: kind has no meaning with mode 'sev'", null)]
    [InlineData("--sev sev,policy=x --kernel tiny.elf", "--sev policy: ", "write a number, or names such as nodbg+es")]
    [InlineData("--sev sev --kernel tiny.elf --vmm qemu", "--vmm has no meaning with a launch without --firmware", null)]
    [InlineData("--sev sev --firmware ovmf.fd --vmm kvm", "--vmm: unknown value 'kvm'", "the values are: qemu, ")]
    [InlineData("--sev sev-es --firmware ovmf.fd --cpu-model Zen", "--cpu-model: 'Zen' is neither a number nor one of EPYC, ", null)]
    [InlineData("--sev sev --kernel tiny.elf --cpus 0", "--cpus: '0' is out of range; it must be 1 to 255", null)]
    [InlineData("--sev sev --kernel tiny.elf --memory 1x", "--memory: unknown suffix 'x' in '1x'", "the suffixes are ")]
    [InlineData("--sev sev --kernel tiny.elf --expect 1234", "--expect: '1234' is no digest or measurement", "write 32 bytes as hex ")]
    [InlineData("--sev sev --kernel tiny.elf --nonce 00", "--nonce has no meaning with a launch without --tik", null)]
    [InlineData("--sev sev --kernel tiny.elf --tik tik.bin", "--firmware-version is required with a TIK", "the measurement ")]
    [InlineData(
        "--sev sev --kernel tiny.elf --tik tik.bin --firmware-version 1.55", "--firmware-version: '1.55' is no version", "write ")]
    [InlineData(
        "--sev sev --kernel tiny.elf --tik tik.bin --firmware-version 1.55.25", "--nonce or --measurement is required with a TIK", "the ")]
    [InlineData("--sev sev --kernel tiny.elf --tik tik.bin --tk tik.bin", "--tik and --tk give the same key; give one of them", null)]
    [InlineData("--sev sev-snp --firmware ovmf.fd --tik tik.bin", "--tik has no meaning with SEV-SNP, whose measurement is ", null)]
    [InlineData("--sev sev --firmware ovmf.fd --firmware-only", "--firmware-only has no meaning with SEV and SEV-ES", null)]
    [InlineData("--sev sev --firmware ovmf.fd --cmdline x", "--cmdline has no meaning with a launch without --kernel", null)]
    [InlineData("--sev sev-snp --firmware ovmf.fd --id-block x", "--id-block has no meaning with a launch without --id-key", null)]
    [InlineData("--sev sev --launch-digest " + Digest + " --kernel tiny.elf", "--kernel has no meaning with --launch-digest", null)]
    [InlineData("--sev sev --initrd empty --initramfs empty", "--initramfs and --initrd are the same option; give one of them", null)]
    [InlineData("--sev sev --firmware ovmf.fd --format oct", "--format: unknown value 'oct'", "the values are: hex, base64")]
    [InlineData("--sev sev-es --firmware ovmf.fd --cpus 2 --vmsa-cpu0 page", "--vmsa-cpu1 is required with --vmsa-cpu0 and ", null)]
    public void WrongCommandLine_IsUsage(string options, string? message, string? hint) =>
        AssertRefusal(ExitCode.Usage, Run(options), message, hint);

    [Theory]
    [InlineData("--sev sev,cbitpos=51 --kernel empty", "empty: size: the file is empty")]
    [InlineData("--sev sev,cbitpos=51 --kernel plain.fd", "plain.fd: boot_flag: ")]
    [InlineData("--sev sev,cbitpos=51 --kernel tiny.elf --initramfs empty", "empty: size: the file is empty")]
    [InlineData("--sev sev,cbitpos=51 --kernel tiny.elf --memory 1M", "--memory: size: 1048576 bytes is too little")]
    [InlineData("--sev sev,cbitpos=33 --kernel tiny.elf --memory 16G", "--memory: size: RAM would end at 0x440000000, beyond the C-bit")]
    [InlineData("--sev sev,policy=0x40,cbitpos=51 --kernel tiny.elf", "--sev: policy: Bits 6 to 15 are reserved")]
    [InlineData("--sev sev,policy=0x4,cbitpos=51 --kernel tiny.elf", "--sev: policy: 0x00000004 has bit 2 (ES), which needs mode sev-es")]
    [InlineData("--sev sev-es,policy=0x1,cbitpos=51 --kernel tiny.elf", "--sev: policy: 0x00000001 lacks bit 2 (ES)")]
    [InlineData("--sev sev-snp,policy=0x1 --firmware ovmf.fd", "--sev: policy: ")]
    [InlineData("--sev sev --firmware empty", "empty: size: a firmware image has 1 to 268435456 bytes, not 0")]
    [InlineData("--sev sev --firmware odd.fd", "odd.fd: size: 100 bytes are no multiple of 16")]
    [InlineData("--sev sev-snp --firmware plain.fd --cpu-model EPYC", "plain.fd: SEV metadata: the image has no SEV-SNP metadata")]
    [InlineData("--sev sev-snp --firmware odd16.fd --firmware-only", "odd16.fd: size: 4112 bytes are not whole pages")]
    [InlineData("--sev sev,kernel-hashes=on --firmware plain.fd --kernel empty", "plain.fd: SEV hash area: the image has none")]
    [InlineData("--sev sev-es,legacy-vm-type=on --firmware plain.fd --cpus 2 --cpu-model EPYC", "plain.fd: SEV-ES reset block: ")]
    [InlineData("--sev sev --launch-digest " + Digest + " --tik short --firmware-version 1.55.25", "short: TIK: 15 bytes, and no hex or ")]
    [InlineData("--sev sev --kernel tiny.elf --expect ./short", "./short: digest or measurement: 15 bytes, ")]
    [InlineData("--sev sev-es --firmware ovmf.fd --vmsa-cpu0 short", "short: VMSA: 15 bytes, ")]
    [InlineData("--sev sev-snp --firmware ovmf.fd --cpu-model EPYC --id-key key.pem", "key.pem: private key: no unencrypted EC ")]
    [InlineData("--sev sev,cbitpos=51 --kernel .", "--kernel: .: is a directory, not a file")]
    [InlineData("--sev sev --firmware .", "--firmware: .: is a directory, not a file")]
    public void WrongFileOrValue_IsBadInput(string options, string message) =>
        AssertRefusal(ExitCode.BadInput, Run(options), message, null);

    [Theory]
    [InlineData("--sev sev,cbitpos=51 --kernel nope", "--kernel: no such file: 'nope'")]
    [InlineData("--sev sev,cbitpos=51 --kernel tiny.elf --initrd nope", "--initramfs: no such file: 'nope'")]
    [InlineData("--sev sev --firmware nope", "--firmware: no such file: 'nope'")]
    [InlineData("--sev sev,kernel-hashes=on --firmware ovmf.fd --kernel nope", "--kernel: no such file: 'nope'")]
    [InlineData("--sev sev --firmware ovmf.fd --tik nope --firmware-version 1.55.25", "--tik: no such file: 'nope'")]
    [InlineData("--sev sev --firmware ovmf.fd --expect nope.bin", "--expect: no such file: 'nope.bin'")]
    [InlineData("--sev sev-snp --firmware ovmf.fd --id-key nope", "--id-key: no such file: 'nope'")]
    public void MissingFile_IsNoInput(string options, string message) =>
        AssertRefusal(ExitCode.NoInput, Run(options), message, null);

    [Theory]
    [InlineData("not json", "bundle.json: JSON: ")]
    [InlineData("[]", "bundle.json: JSON: is not an object")]
    [InlineData("{}", "bundle.json: schema: is missing")]
    [InlineData("{\"schema\":1}", "bundle.json: schema: is Number, not String")]
    [InlineData("{\"schema\":\"kvmsev.launch-bundle/2\"}", "bundle.json: schema: is not kvmsev.launch-bundle/1")]
    [InlineData("sev|cBit|9", "bundle.json: cBit: is not a whole number from 33 to 51")]
    [InlineData("sev|kind|\"x\"", "bundle.json: kind or policy: --sev: unknown value 'x'")]
    [InlineData("sev|policy|\"x\"", "bundle.json: kind or policy: --sev policy: ")]
    [InlineData("sev|initInterface|\"x\"", "bundle.json: initInterface: 'x' is neither legacy nor init2")]
    [InlineData("sev|vcpus|0", "bundle.json: vcpus: is not a whole number from 1 to 4096")]
    [InlineData("sev|memoryBytes|-1", "bundle.json: memoryBytes: is not a whole number from 1 to ")]
    [InlineData("sev|cpuSignature|\"12\"", "bundle.json: cpuSignature: '12' is not a 32-bit number with 0x")]
    [InlineData("sev|firmware|{\"apiMajor\":1,\"apiMinor\":300,\"build\":2}", "bundle.json: apiMinor: is not a whole number from 0 to 255")]
    [InlineData("sev|pieces|[1]", "bundle.json: name: is missing")]
    [InlineData("sev|kind|\"\\ud800\"", "bundle.json: kind: is no valid text")]
    [InlineData("sev|launchDigest|\"00\"", "bundle.json: launchDigest: has 1 bytes instead of 32")]
    [InlineData("sev|measurement|\"***\"", "bundle.json: measurement: is not encoded as it must be")]
    public void WrongBundle_IsBadInput(string content, string message)
    {
        string[] change = content.Split('|');
        Write("bundle.json", System.Text.Encoding.UTF8.GetBytes(change.Length == 1 ? content : Bundle(change[1], change[2])));

        AssertRefusal(ExitCode.BadInput, Run("--bundle bundle.json --kernel tiny.elf"), message, null);
    }

    [Fact]
    public void Bundle_OfAnotherMode_IsUsage()
    {
        Write("bundle.json", System.Text.Encoding.UTF8.GetBytes(Bundle("vcpus", "1")));

        AssertRefusal(
            ExitCode.Usage,
            Run("--bundle bundle.json --sev sev-es --kernel tiny.elf"),
            "--sev says sev-es, the bundle says sev",
            null);
    }

    private static string Bundle(string changed, string value)
    {
        Dictionary<string, string> members = new()
        {
            ["schema"] = "\"kvmsev.launch-bundle/1\"",
            ["simulated"] = "false",
            ["kind"] = "\"sev\"",
            ["initInterface"] = "\"init2\"",
            ["policy"] = "\"0x00000001\"",
            ["firmware"] = "{\"apiMajor\":1,\"apiMinor\":55,\"build\":25}",
            ["cBit"] = "51",
            ["memoryBytes"] = "67108864",
            ["vcpus"] = "1",
            ["cpuSignature"] = "\"0x00a00f11\"",
            ["pieces"] = "[]",
            ["launchDigest"] = $"\"{Digest}\"",
            ["measurement"] = $"\"{Convert.ToBase64String(new byte[48])}\"",
        };
        members[changed] = value;
        return $"{{{string.Join(',', members.Select(static member => $"\"{member.Key}\":{member.Value}"))}}}";
    }

    [Fact]
    public void KeyOnAnotherCurve_IsBadInput()
    {
        using System.Security.Cryptography.ECDsa key = System.Security.Cryptography.ECDsa.Create(
            System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        Write("p256.pem", System.Text.Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem()));
        Write("public.pem", System.Text.Encoding.ASCII.GetBytes(key.ExportSubjectPublicKeyInfoPem()));

        AssertRefusal(
            ExitCode.BadInput,
            Run("--sev snp --firmware ovmf.fd --id-key p256.pem"),
            "p256.pem: private key: it is not on the curve P-384",
            null);
        AssertRefusal(
            ExitCode.BadInput,
            Run("--sev snp --firmware ovmf.fd --id-key public.pem"),
            "public.pem: private key: no unencrypted EC private",
            null);
    }

    private static void AssertRefusal(int exitCode, CliResult result, string? message, string? hint)
    {
        Assert.Equal((exitCode, string.Empty), (result.ExitCode, result.Output));
        string[] lines = [.. result.ErrorLines.Where(static line => !line.Contains("assumed", StringComparison.Ordinal)
            && !line.Contains("is read as", StringComparison.Ordinal))];
        Assert.InRange(lines.Length, 1, 2);
        Assert.StartsWith($"kvmsev: {message}", lines[0], StringComparison.Ordinal);
        if (hint is not null)
        {
            Assert.StartsWith($"  hint: {hint}", lines[1], StringComparison.Ordinal);
        }
    }

    // Files are named relative to the directory in the data, so that messages can be compared.
    private CliResult Run(string options)
    {
        string[] words = options.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string[] arguments = [.. words.Select(word => _directory.Names.Contains(word) || word is "nope" or "nope.bin" or "." or "./short"
            ? Path.Join(_directory.Root, word)
            : word)];
        CliResult result = CliRunner.Run(["measure", .. arguments]);
        return result with { Error = result.Error.Replace(_directory.Root + "/", string.Empty, StringComparison.Ordinal) };
    }

    private void Write(string name, byte[] content) => File.WriteAllBytes(_directory.File(name), content);
}
