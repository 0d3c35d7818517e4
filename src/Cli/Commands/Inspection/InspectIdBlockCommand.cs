using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Cli.Commands.Inspection;

/// <summary><c>inspect id-block</c>: the ID block of a SNP launch, and its signatures.</summary>
internal static class InspectIdBlockCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<InspectIdBlockOptions>(
        "kvmsev inspect id-block FILE [OPTIONS]",
        """
        FILE is an ID block (96 bytes) or an ID authentication (4096 bytes). With both,
        the signatures are checked as SNP_LAUNCH_FINISH will.

        Exit codes: 0 nothing contradicts, 1 a signature is wrong, others as for every
        verb.
        """,
        [
            new VerbExample("Does the signature hold?", "inspect", "id-block", "id_block.bin", "--id-auth", "id_auth.bin"),
            new VerbExample("Only its fields:", "inspect", "id-block", "id_block.bin"),
        ],
        Execute);

    private static int Execute(InspectIdBlockOptions options, CliContext context)
    {
        EncodedBlob blob = InputBlob.Read("FILE", options.File, "ID block", IdBlock.Size, IdAuthentication.Size);
        FactSheet sheet = new FactSheet().Add("file", options.File).Add("encoding", blob.EncodingName);
        VerificationReport? report = null;
        if (blob.Bytes.Length == IdAuthentication.Size)
        {
            Describe(sheet, IdAuthentication.Parse(blob.Bytes, options.File));
        }
        else
        {
            IdBlock block = IdBlock.Parse(blob.Bytes, options.File);
            Describe(sheet, block);
            report = options.IdAuth is { } path ? DescribeSigned(sheet, block, path) : null;
        }

        sheet.Write("kvmsev.id-block/1", options.Json, context);
        return report?.HasFailures == true ? ExitCode.Failure : ExitCode.Success;
    }

    private static VerificationReport DescribeSigned(FactSheet sheet, IdBlock block, string path)
    {
        EncodedBlob blob = InputBlob.Read("--id-auth", path, "ID authentication", IdAuthentication.Size);
        IdAuthentication authentication = IdAuthentication.Parse(blob.Bytes, path);
        Describe(sheet.AddSection("ID authentication").Add("file", path).Add("encoding", blob.EncodingName), authentication);
        VerificationReport report = IdBlockVerifier.Verify(block, authentication, authentication.HasAuthorKey, [], null);
        sheet.Add(report);
        return report;
    }

    private static void Describe(FactSheet sheet, IdBlock block) => sheet
        .Add("LD", block.LaunchDigest)
        .Add("FAMILY_ID", block.FamilyId)
        .Add("IMAGE_ID", block.ImageId)
        .Add("VERSION", IdBlock.Version)
        .Add("GUEST_SVN", block.GuestSvn)
        .Add("POLICY", $"{block.Policy} ({block.Policy.ToNames()})")
        .Add("POLICY in words", block.Policy.Describe());

    private static void Describe(FactSheet sheet, IdAuthentication authentication) => sheet
        .Add("ID_KEY_ALGO", authentication.IdKeyAlgorithm)
        .Add("AUTH_KEY_ALGO", authentication.AuthorKeyAlgorithm)
        .Add("ID_BLOCK_SIG", authentication.BlockSignature)
        .Add("ID_KEY", authentication.IdKey)
        .Add("ID_KEY digest", authentication.GetIdKeyDigest())
        .Add("author key present", authentication.HasAuthorKey)
        .Add("ID_KEY_SIG", authentication.IdKeySignature)
        .Add("AUTHOR_KEY", authentication.AuthorKey)
        .Add("AUTHOR_KEY digest", authentication.GetAuthorKeyDigest());
}
