using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using KvmSevVmm.Cli.Commands.Measure;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Firmware;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Cli.Commands.Attestation;

/// <summary>
/// The launch bundle of a SEV-SNP guest (<c>run --launch-bundle</c>, schema kvmsev.launch-bundle/1, kind sev-snp) as a verifier reads it.
/// The host wrote it: every word is a claim, until the guest's report or the files themselves bear it out.
/// </summary>
internal sealed class SnpBundleFile
{
    /// <summary>The kind of guest.</summary>
    internal const string Kind = "sev-snp";

    private const string FirmwarePages = "firmware";
    private const int HostDataSize = 32;
    private const ulong FourGiB = 1UL << 32;
    private const ulong LargestPiece = 1UL << 30;
    private readonly IReadOnlyList<Pages> _pages;
    private readonly IReadOnlyList<byte[]> _saveAreas;
    private readonly SevHashTable? _hashes;
    private readonly ulong _hashTableGpa;

    private SnpBundleFile(BundleReader reader)
    {
        Input = reader.Input;
        JsonElement root = reader.Root;
        Mode = reader.Text(root, "mode");
        IsSimulated = reader.Flag(root, "simulated");
        if (Mode != (IsSimulated ? "simulated" : Kind))
        {
            throw new SevFormatException(Input, "mode", $"\"{OneLine.Clean(Mode)}\" contradicts simulated");
        }

        Policy = reader.Parse(root, "policy", SnpPolicy.Parse);
        Firmware = reader.FirmwareVersion();
        VcpuCount = (int)reader.Number(root, "vcpus", 1, LaunchInputs.MaximumVcpuCount);
        Profile = reader.Parse(root, "vmsaProfile", static word => VmmValue.Parse(word));
        CpuSignature = (uint)reader.Hex(root, "cpuSignature", uint.MaxValue);
        SevFeatures = reader.Hex(root, "sevFeatures", ulong.MaxValue);
        _pages = [.. reader.Member(root, "pages", JsonValueKind.Array).EnumerateArray().Select(pages => ReadPages(reader, pages))];
        JsonElement hashes = reader.Member(root, "kernelHashes", JsonValueKind.Object, JsonValueKind.Null);
        if (hashes.ValueKind == JsonValueKind.Object)
        {
            _hashTableGpa = reader.Hex(hashes, "gpa", uint.MaxValue);
            _hashes = new SevHashTable(
                reader.HexBytes(hashes, "commandLine", SevHashTable.HashSize),
                reader.HexBytes(hashes, "initrd", SevHashTable.HashSize),
                reader.HexBytes(hashes, "kernel", SevHashTable.HashSize));
        }

        _saveAreas =
        [
            .. reader.Member(root, "saveAreas", JsonValueKind.Array).EnumerateArray()
                .Select(page => reader.Base64(page, "saveAreas", Vmsa.Size)),
        ];
        JsonElement block = reader.Member(root, "idBlock", JsonValueKind.Object, JsonValueKind.Null);
        if (block.ValueKind == JsonValueKind.Object)
        {
            Block = IdBlock.Parse(reader.Base64Bytes(block, "block", IdBlock.Size), $"{Input}: block");
            Authentication = IdAuthentication.Parse(
                reader.Base64Bytes(block, "authentication", IdAuthentication.Size), $"{Input}: authentication");
            HasAuthorKey = reader.Flag(block, "authorKey");
        }

        IsVcekDisabled = reader.Flag(root, "vcekDisabled");
        HostData = reader.HexBytes(root, "hostData", HostDataSize);
        LaunchDigest = reader.HexBytes(root, "launchDigest", SnpLaunchDigest.Size);
    }

    /// <summary>The file.</summary>
    internal string Input { get; }

    /// <summary>The mode that the guest was run in.</summary>
    internal string Mode { get; }

    /// <summary>Whether the host says that the firmware was the model.</summary>
    internal bool IsSimulated { get; }

    /// <summary>The guest's policy.</summary>
    internal SnpPolicy Policy { get; }

    /// <summary>The platform's firmware at the launch.</summary>
    internal SevFirmwareVersion Firmware { get; }

    /// <summary>Number of vCPUs.</summary>
    internal int VcpuCount { get; }

    /// <summary>Whose registers.</summary>
    internal VmsaProfile Profile { get; }

    /// <summary>Leaf 1 EAX of the guest's CPUID.</summary>
    internal uint CpuSignature { get; }

    /// <summary>SEV_FEATURES.</summary>
    internal ulong SevFeatures { get; }

    /// <summary>Whether kernel, initrd and command line are measured.</summary>
    internal bool HasKernelHashes => _hashes is not null;

    /// <summary>The owner's ID block, or null.</summary>
    internal IdBlock? Block { get; }

    /// <summary>Its authentication; null exactly when the block is.</summary>
    internal IdAuthentication? Authentication { get; }

    /// <summary>Whether the launch asked for the author key.</summary>
    internal bool HasAuthorKey { get; }

    /// <summary>Whether the launch forbade reports by the VCEK.</summary>
    internal bool IsVcekDisabled { get; }

    /// <summary>What every report repeats, 32 bytes.</summary>
    internal byte[] HostData { get; }

    /// <summary>The launch digest that the monitor computed, 48 bytes.</summary>
    internal byte[] LaunchDigest { get; }

    /// <summary>SHA-384 of the firmware image, 48 bytes.</summary>
    internal byte[] FirmwareSha384 => _pages[0].Sha384!;

    /// <summary>The launch digest after the firmware's own pages, 48 bytes.</summary>
    internal byte[] FirmwareDigest => _pages[0].DigestAfter;

    /// <summary>Whether a JSON document is the bundle of a SEV-SNP guest.</summary>
    /// <param name="root">The document.</param>
    internal static bool IsOne(JsonElement root) =>
        root.ValueKind == JsonValueKind.Object
        && root.TryGetProperty("kind", out JsonElement kind) && kind.ValueKind == JsonValueKind.String && kind.ValueEquals(Kind);

    /// <summary>Reads a file that may be the bundle of a SEV-SNP guest.</summary>
    /// <param name="content">The file's content.</param>
    /// <param name="input">The file's name, for messages.</param>
    /// <returns>Null for any other file.</returns>
    /// <exception cref="SevFormatException">It is one, but a member is missing or not what it must be.</exception>
    internal static SnpBundleFile? TryParse(byte[] content, string input)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(content);
            return IsOne(document.RootElement) ? Parse(document.RootElement, input) : null;
        }
        catch (JsonException fault)
        {
            throw new SevFormatException(input, "JSON", $"line {fault.LineNumber + 1} is no JSON", fault);
        }
    }

    /// <summary>Reads a bundle.</summary>
    /// <param name="root">The document.</param>
    /// <param name="input">The file's name, for messages.</param>
    /// <exception cref="SevFormatException">A member is missing or not what it must be.</exception>
    internal static SnpBundleFile Parse(JsonElement root, string input)
    {
        BundleReader reader = new(root, input);
        reader.RequireSchema();
        SnpBundleFile bundle = new(reader);
        return bundle._pages is [{ Name: FirmwarePages, Sha384: not null }, ..]
            ? bundle
            : throw new SevFormatException(input, "pages", "they do not begin with the firmware's");
    }

    /// <summary>Tells what it claims.</summary>
    /// <param name="sheet">Takes the claims.</param>
    internal void Describe(FactSheet sheet) => sheet
        .Add("mode", Mode)
        .Add("guest", Kind)
        .Add("simulated", IsSimulated)
        .Add("policy", $"{Policy} ({Policy.ToNames()})")
        .Add("firmware", VersionValue.Format(Firmware))
        .Add("vCPUs", VcpuCount)
        .Add("guest firmware", $"SHA-384 {Convert.ToHexStringLower(FirmwareSha384)}")
        .Add("kernel hashes", HasKernelHashes)
        .Add("ID block", Block is not null)
        .Add("host data", HostData)
        .Add("launch digest", LaunchDigest);

    /// <summary>What the bundle's own parts say of each other: a bundle that is damaged contradicts itself.</summary>
    /// <returns><c>bundle.save-areas</c>, <c>bundle.kernel-hashes</c>, <c>bundle.pages</c>, and the ID block's checks.</returns>
    internal VerificationReport CheckItself()
    {
        CheckList checks = new();
        string? saveAreas = FindSaveAreaProblem();
        checks.Add(
            "bundle.save-areas",
            saveAreas is null,
            saveAreas ?? string.Create(CultureInfo.InvariantCulture, $"{VcpuCount}, as {VmsaProfiles.Describe(Profile)} makes them"));
        if (_hashes is not null)
        {
            string? hashes = FindHashProblem();
            checks.Add("bundle.kernel-hashes", hashes is null, hashes ?? "the page that was launched holds them");
        }

        string? pages = FindPageProblem();
        checks.Add("bundle.pages", pages is null, pages ?? $"{_pages.Count} pieces and the save areas give the launch digest");
        if (Block is not null)
        {
            checks.Append(IdBlockVerifier.Verify(Block, Authentication!, HasAuthorKey, LaunchDigest, Policy));
        }

        return checks.ToReport();
    }

    private static Pages ReadPages(BundleReader reader, JsonElement pages)
    {
        string name = reader.Text(pages, "name");
        string word = reader.Text(pages, "type");
        SnpPageType type = word switch
        {
            "normal" => SnpPageType.Normal,
            "zero" => SnpPageType.Zero,
            "unmeasured" => SnpPageType.Unmeasured,
            "secrets" => SnpPageType.Secrets,
            "cpuid" => SnpPageType.Cpuid,
            _ => throw new SevFormatException(reader.Input, "type", $"\"{OneLine.Clean(word)}\" is no type of page"),
        };
        ulong gpa = reader.Hex(pages, "gpa", uint.MaxValue);
        ulong bytes = reader.Number(pages, "bytes", SnpLaunchDigest.PageSize, LargestPiece);
        if ((gpa | bytes) % SnpLaunchDigest.PageSize != 0)
        {
            throw new SevFormatException(reader.Input, "pages", $"{OneLine.Clean(name)} is not whole pages");
        }

        bool hasContents = reader.Member(pages, "sha384", JsonValueKind.String, JsonValueKind.Null).ValueKind == JsonValueKind.String;
        return hasContents == (type == SnpPageType.Normal)
            ? new Pages(
                name,
                gpa,
                bytes,
                type,
                hasContents ? reader.HexBytes(pages, "sha384", SnpLaunchDigest.Size) : null,
                reader.HexBytes(pages, "digestAfter", SnpLaunchDigest.Size))
            : throw new SevFormatException(reader.Input, "sha384", $"{OneLine.Clean(name)}: only normal pages have one");
    }

    private string? FindSaveAreaProblem()
    {
        if (_saveAreas.Count != VcpuCount)
        {
            return $"{_saveAreas.Count} of them for {VcpuCount} vCPUs";
        }

        for (int vcpu = 0; vcpu < _saveAreas.Count; vcpu++)
        {
            // Where the further ones start is the firmware's to say; it stands in their registers, the same for all.
            Vmsa area = Vmsa.Parse(_saveAreas[Math.Min(vcpu, 1)], Input);
            uint start = vcpu == 0 ? VmsaProfiles.ResetVector : unchecked((uint)(area.Cs.Base + area.Rip));
            if (!VmsaProfiles.Create(Profile, start, CpuSignature, SevFeatures).Page.SequenceEqual(_saveAreas[vcpu]))
            {
                return $"that of vCPU {vcpu} is not what {VmsaProfiles.Describe(Profile)} makes of this processor and these features";
            }
        }

        return null;
    }

    private string? FindHashProblem()
    {
        Pages? page = _pages.FirstOrDefault(static pages => pages is { Name: "KERNEL_HASHES", Type: SnpPageType.Normal });
        if (page is null || _hashTableGpa < page.Gpa || _hashTableGpa + SevHashTable.PaddedSize > page.Gpa + page.Bytes)
        {
            return "no page that was launched holds them";
        }

        byte[] contents = new byte[SnpLaunchDigest.PageSize];
        _hashes!.Bytes.CopyTo(contents.AsSpan((int)(_hashTableGpa - page.Gpa)));
        return SHA384.HashData(contents).AsSpan().SequenceEqual(page.Sha384) ? null : "the page that was launched holds others";
    }

    /// <summary>Builds the digest from the firmware's on, as the firmware of the processor does.</summary>
    private string? FindPageProblem()
    {
        if (_pages[0].Gpa + _pages[0].Bytes != FourGiB)
        {
            return "the firmware does not end at 4 GiB";
        }

        SnpLaunchDigest digest = new(FirmwareDigest);
        foreach (Pages pages in _pages.Skip(1))
        {
            if (!IsKnown(pages))
            {
                return $"{OneLine.Clean(pages.Name)} is none of the firmware's sections, or of another type";
            }

            if (pages.Sha384 is { } contents)
            {
                digest.Update(SnpPageType.Normal, pages.Gpa, contents, pages.Name);
            }
            else
            {
                digest.UpdateWithoutContents(pages.Type, pages.Gpa, pages.Bytes, pages.Name);
            }

            if (!digest.Digest.SequenceEqual(pages.DigestAfter))
            {
                return $"{pages.Name} at 0x{pages.Gpa:x} does not give the digest that stands there";
            }
        }

        foreach (byte[] saveArea in _saveAreas)
        {
            digest.UpdateVmsa(saveArea, "save area");
        }

        return digest.Digest.SequenceEqual(LaunchDigest)
            ? null
            : $"pieces and save areas give {Convert.ToHexStringLower(digest.Digest)}, not the launch digest";
    }

    private bool IsKnown(Pages pages) => pages switch
    {
        { Name: "SEC_MEM" or "SVSM_CAA", Type: SnpPageType.Zero } => true,
        { Name: "SECRETS", Type: SnpPageType.Secrets, Bytes: SnpLaunchDigest.PageSize } => true,
        { Name: "CPUID", Type: SnpPageType.Cpuid, Bytes: SnpLaunchDigest.PageSize } => true,
        { Name: "KERNEL_HASHES", Type: SnpPageType.Normal, Bytes: SnpLaunchDigest.PageSize } => HasKernelHashes,
        { Name: "KERNEL_HASHES", Type: SnpPageType.Zero, Bytes: SnpLaunchDigest.PageSize } => !HasKernelHashes,
        _ => false,
    };

    /// <summary>Pages that were launched.</summary>
    private sealed record Pages(string Name, ulong Gpa, ulong Bytes, SnpPageType Type, byte[]? Sha384, byte[] DigestAfter);
}
