using CommandLine;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Attestation;

/// <summary>The options of <c>attest verify</c>.</summary>
[Verb("verify", HelpText = "Verify a report, a measurement or a launch bundle.")]
internal sealed class AttestVerifyOptions : CommonOptions
{
    /// <summary>The evidence.</summary>
    [Value(0, MetaName = "EVIDENCE", HelpText = "A report of SEV or SEV-SNP, a launch measurement (file or base64), or a launch bundle.")]
    public string? Evidence { get; set; }

    /// <summary>The launch bundle, for whoever prefers to name it.</summary>
    [Option("launch-bundle", MetaValue = "FILE",
        HelpText = "The evidence is this launch bundle of 'kvmsev run'. With a report of SEV-SNP: the report must be of this launch.")]
    public string? LaunchBundle { get; set; }

    /// <summary>The certificates.</summary>
    [Option("certs", MetaValue = "PATH[,PATH]", HelpText = "Certificates and revocation lists: files and directories. Nothing is fetched.")]
    public string? Certs { get; set; }

    /// <summary>A revocation list.</summary>
    [Option("crl", MetaValue = "FILE", HelpText = "AMD's list of revoked certificates, DER or PEM.")]
    public string? Crl { get; set; }

    /// <summary>The signed CEK.</summary>
    [Option("cek", MetaValue = "FILE", HelpText = "SEV: the CEK that AMD signed.")]
    public string? Cek { get; set; }

    /// <summary>AMD's certificates in their binary form.</summary>
    [Option("ask-ark", MetaValue = "FILE", HelpText = "SEV: AMD's ask_ark file.")]
    public string? AskArk { get; set; }

    /// <summary>The moment.</summary>
    [Option("at", MetaValue = "TIME", HelpText = "Ask for validity at this moment, as 2026-01-31T12:00:00Z, instead of now.")]
    public string? At { get; set; }

    /// <summary>Whether a model's root will do.</summary>
    [Option("allow-simulated", HelpText = "Accept what the software PSP signed or measured. It proves nothing.")]
    public bool AllowSimulated { get; set; }

    /// <summary>Whether everything must be checked.</summary>
    [Option("strict", HelpText = "NOT CHECKED counts as failed.")]
    public bool Strict { get; set; }

    /// <summary>The launch digest.</summary>
    [Option("digest", MetaValue = "HEX[,HEX]", HelpText = "The launch digest must be this one, or one of these ('kvmsev measure').")]
    public string? Digest { get; set; }

    /// <summary>Another spelling of <see cref="Digest"/>.</summary>
    [Option("measurement", MetaValue = "HEX[,HEX]", HelpText = "The same as --digest: SEV-SNP's name for it.")]
    public string? Measurement { get; set; }

    /// <summary>The policy.</summary>
    [Option("policy", MetaValue = "POLICY", HelpText = "The guest's policy must be this one: a number, or names.")]
    public string? Policy { get; set; }

    /// <summary>The integrity key.</summary>
    [Option("tik", MetaValue = "FILE", HelpText = "SEV: your TIK, which proves a launch measurement.")]
    public string? Tik { get; set; }

    /// <summary>Both keys.</summary>
    [Option("tk", MetaValue = "FILE", HelpText = "SEV: TEK and TIK in one file, as sev-tool's tmp_tk.bin.")]
    public string? Tk { get; set; }

    /// <summary>The firmware's version.</summary>
    [Option("firmware", MetaValue = "MAJOR.MINOR.BUILD", HelpText = "SEV: the firmware's version, which a launch measurement covers.")]
    public string? Firmware { get; set; }

    /// <summary>The nonce.</summary>
    [Option("nonce", MetaValue = "HEX", HelpText = "SEV: the nonce that the report was asked for with, 16 bytes.")]
    public string? Nonce { get; set; }

    /// <summary>The guest's own data.</summary>
    [Option("report-data", MetaValue = "HEX", HelpText = "SEV-SNP: REPORT_DATA, up to 64 bytes, the rest zeros.")]
    public string? ReportData { get; set; }

    /// <summary>The host's data.</summary>
    [Option("host-data", MetaValue = "HEX", HelpText = "SEV-SNP: HOST_DATA, 32 bytes.")]
    public string? HostData { get; set; }

    /// <summary>The privilege level.</summary>
    [Option("vmpl", MetaValue = "N", HelpText = "SEV-SNP: VMPL, 0 to 3.")]
    public string? Vmpl { get; set; }

    /// <summary>The ID key.</summary>
    [Option("id-key-digest", MetaValue = "HEX", HelpText = "SEV-SNP: ID_KEY_DIGEST, 48 bytes.")]
    public string? IdKeyDigest { get; set; }

    /// <summary>The author key.</summary>
    [Option("author-key-digest", MetaValue = "HEX", HelpText = "SEV-SNP: AUTHOR_KEY_DIGEST, 48 bytes.")]
    public string? AuthorKeyDigest { get; set; }

    /// <summary>The family of guests.</summary>
    [Option("family-id", MetaValue = "HEX", HelpText = "SEV-SNP: FAMILY_ID, 16 bytes.")]
    public string? FamilyId { get; set; }

    /// <summary>The image.</summary>
    [Option("image-id", MetaValue = "HEX", HelpText = "SEV-SNP: IMAGE_ID, 16 bytes.")]
    public string? ImageId { get; set; }

    /// <summary>The chip.</summary>
    [Option("chip-id", MetaValue = "HEX", HelpText = "SEV-SNP: CHIP_ID, 64 bytes.")]
    public string? ChipId { get; set; }

    /// <summary>The guest's version.</summary>
    [Option("min-guest-svn", MetaValue = "N", HelpText = "SEV-SNP: the least GUEST_SVN.")]
    public string? MinimumGuestSvn { get; set; }

    /// <summary>The platform's versions.</summary>
    [Option("min-tcb", MetaValue = "bl=N,tee=N,snp=N,ucode=N",
        HelpText = "SEV-SNP: the least TCB, reported and committed; Turin has fmc=N too.")]
    public string? MinimumTcb { get; set; }

    /// <summary>The firmware's version.</summary>
    [Option("min-firmware", MetaValue = "MAJOR.MINOR.BUILD", HelpText = "SEV-SNP: the least firmware, current and committed.")]
    public string? MinimumFirmware { get; set; }

    /// <summary>The policy's version.</summary>
    [Option("min-abi", MetaValue = "MAJOR.MINOR", HelpText = "SEV-SNP: the least ABI that the policy must demand.")]
    public string? MinimumAbi { get; set; }

    /// <summary>The processors.</summary>
    [Option("product", MetaValue = "NAME", HelpText = "SEV-SNP: Milan, Genoa or Turin.")]
    public string? Product { get; set; }

    /// <summary>The provider.</summary>
    [Option("provider", MetaValue = "NAME", HelpText = "SEV-SNP: the cloud provider whose VLEK signed.")]
    public string? Provider { get; set; }

    /// <summary>Whether multithreading is accepted.</summary>
    [Choices("allow", "forbid")]
    [Option("smt", MetaValue = "allow|forbid", HelpText = "SEV-SNP: whether the policy may allow simultaneous multithreading.")]
    public string? Smt { get; set; }

    /// <summary>Whether debugging is accepted.</summary>
    [Option("allow-debug", HelpText = "SEV-SNP: accept a policy that lets the host debug the guest.")]
    public bool AllowDebug { get; set; }

    /// <summary>Whether a migration agent is accepted.</summary>
    [Option("allow-migration-agent", HelpText = "SEV-SNP: accept a policy that allows a migration agent.")]
    public bool AllowMigrationAgent { get; set; }

    /// <summary>The expected launch digests, as written.</summary>
    internal string[]? Digests => (Digest ?? Measurement)?.Split(',');

    /// <inheritdoc/>
    internal override void Validate()
    {
        base.Validate();
        if (Evidence is null && LaunchBundle is null)
        {
            throw new UsageException("there is nothing to verify: name a report, a measurement or a launch bundle");
        }

        if (Digest is not null && Measurement is not null)
        {
            throw new UsageException("--digest and --measurement are two names for one thing");
        }

        if (Tik is not null && Tk is not null)
        {
            throw new UsageException("--tik and --tk contradict each other");
        }
    }
}
