using KvmSevVmm.Cli.Output;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Cli.Commands.Attestation;

/// <summary>The X.509 certificates and revocation lists that the user has at hand. Nothing is fetched.</summary>
internal sealed class EvidenceCertificates
{
    private readonly List<AmdX509Certificate> _certificates = [];
    private readonly List<CertificateRevocationList> _lists = [];

    private EvidenceCertificates()
    {
    }

    /// <summary>The certificates, in the order of the files.</summary>
    internal IReadOnlyList<AmdX509Certificate> X509 => _certificates;

    /// <summary>Whether the user gave a list.</summary>
    internal bool HasLists => _lists.Count > 0;

    /// <summary>Reads what <c>--certs</c> and <c>--crl</c> name; in a directory, whatever is X.509 or a certificate table.</summary>
    /// <param name="options">The options.</param>
    /// <exception cref="SevFormatException">A named file is neither, or one is malformed.</exception>
    internal static EvidenceCertificates Read(AttestVerifyOptions options)
    {
        EvidenceCertificates found = new();
        foreach (string path in options.Certs?.Split(',', StringSplitOptions.RemoveEmptyEntries) ?? [])
        {
            if (!Directory.Exists(path))
            {
                found.Add("--certs", path, isNamed: true);
                continue;
            }

            foreach (string file in Directory.EnumerateFiles(path).Order(StringComparer.Ordinal))
            {
                found.Add("--certs", file, isNamed: false);
            }
        }

        if (options.Crl is { } crl)
        {
            X509Material material = X509Material.Parse(InputBlob.ReadContent("--crl", crl), crl);
            found._lists.AddRange(material.Lists.Count > 0
                ? material.Lists
                : throw new SevFormatException(crl, "crl", "the file holds certificates, no list of revoked ones"));
        }

        return found;
    }

    /// <summary>The list by the chain's root; failing that any list, so that the verifier says whose it is.</summary>
    /// <param name="chain">The chain.</param>
    internal CertificateRevocationList? FindList(AmdX509Chain? chain) =>
        _lists.Find(list => chain is not null && list.IsSignedBy(chain.Ark, out _)) ?? _lists.FirstOrDefault();

    private void Add(string option, string path, bool isNamed)
    {
        byte[] content = InputBlob.ReadContent(option, path);
        if (X509Material.IsOne(content))
        {
            X509Material material = X509Material.Parse(content, path);
            _certificates.AddRange(material.Certificates);
            _lists.AddRange(material.Lists);
        }
        else if (isNamed)
        {
            _certificates.AddRange(CertificateTable.Parse(content, path).ReadCertificates(path));
        }
    }
}
