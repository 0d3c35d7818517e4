namespace KvmSevVmm.Sev.Measurement;

/// <summary>The ways in which hash tables are known to come out different.</summary>
internal static class HashTableVariants
{
    /// <summary>All of them, the given one first.</summary>
    internal static IReadOnlyList<HashTableVariant> List(LaunchInputs inputs)
    {
        if (inputs.Kernel is not { } kernel)
        {
            return [new HashTableVariant(null, [])];
        }

        string trimmed = kernel.CommandLine.Trim();
        List<HashTableVariant> variants =
        [
            new HashTableVariant(kernel.ToTable(), []),
            new HashTableVariant(null, ["no kernel hashes (kernel-hashes=off, or no -kernel)"]),
            new HashTableVariant(kernel.ToTable(withFinalNul: false), ["the command line hashed without its final NUL"]),
            new HashTableVariant(
                (kernel with { CommandLine = kernel.CommandLine + "\n" }).ToTable(),
                ["a newline at the end of the command line"]),
            new HashTableVariant(
                (kernel with { CommandLine = kernel.CommandLine + " " }).ToTable(),
                ["a space at the end of the command line"]),
        ];
        if (trimmed != kernel.CommandLine)
        {
            variants.Add(new HashTableVariant(
                (kernel with { CommandLine = trimmed }).ToTable(),
                ["the command line without white space at its ends"]));
        }

        if (kernel.CommandLine.Length > 0)
        {
            variants.Add(new HashTableVariant((kernel with { CommandLine = string.Empty }).ToTable(), ["no command line"]));
        }

        if (kernel.InitrdHash is not null)
        {
            variants.Add(new HashTableVariant((kernel with { InitrdHash = null }).ToTable(), ["no initrd"]));
        }

        return variants;
    }
}
