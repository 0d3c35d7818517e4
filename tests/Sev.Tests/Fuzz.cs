namespace KvmSevVmm.Sev.Tests;

/// <summary>Damages valid files. Whatever reads them may refuse them in its own words, and nothing else.</summary>
internal static class Fuzz
{
    /// <summary>How many mutations of each format are tried.</summary>
    internal const int MutationCount = 100_000;

    /// <summary>Gives every truncation of a file to a reader, and files with a few bytes more.</summary>
    internal static void Truncate(byte[] valid, Action<byte[]> read)
    {
        for (int length = 0; length < valid.Length; length++)
        {
            byte[] damaged = valid[..length];
            RunOne(damaged, read, $"truncated to {length}");
        }

        foreach (int more in (int[])[1, 16, 4096])
        {
            RunOne([.. valid, .. new byte[more]], read, $"{more} bytes more");
        }
    }

    /// <summary>Gives mutations of files to a reader: flipped bits, changed, copied, inserted and removed bytes, odd lengths.</summary>
    /// <param name="seeds">Valid files, taken in turn.</param>
    /// <param name="read">The reader; <see cref="SevFormatException"/> naming a field is its right.</param>
    /// <param name="count">How many.</param>
    internal static void Mutate(IReadOnlyList<byte[]> seeds, Action<byte[]> read, int count = MutationCount)
    {
        int seed = Environment.TickCount;
        Xunit.TestContext.Current.TestOutputHelper?.WriteLine($"mutation seed {seed}");
        Random random = new(seed);
        for (int index = 0; index < count; index++)
        {
            RunOne(MutateOne(seeds[index % seeds.Count], random), read, $"seed {seed}, mutation {index}");
        }
    }

    private static byte[] MutateOne(byte[] valid, Random random)
    {
        byte[] damaged = [.. valid];
        int changes = 1 + random.Next(4);
        for (int change = 0; change < changes && damaged.Length > 0; change++)
        {
            int at = random.Next(damaged.Length);
            switch (random.Next(7))
            {
                case 0:
                    damaged[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    damaged[at] = (byte)random.Next(256);
                    break;
                case 2:
                    damaged[at] = random.Next(2) == 0 ? (byte)0 : (byte)0xFF;
                    break;
                case 3:
                    damaged = damaged[..at];
                    break;
                case 4:
                    damaged = [.. damaged[..at], (byte)random.Next(256), .. damaged[at..]];
                    break;
                case 5:
                    damaged = [.. damaged[..at], .. damaged[(at + 1)..]];
                    break;
                default:
                    // Headers and lengths stand at the start; hit them more often than chance would.
                    damaged[random.Next(Math.Min(damaged.Length, 64))] = (byte)random.Next(256);
                    break;
            }
        }

        return damaged;
    }

    private static void RunOne(byte[] damaged, Action<byte[]> read, string what)
    {
        try
        {
            read(damaged);
        }
        catch (SevFormatException refusal)
        {
            Xunit.Assert.False(string.IsNullOrWhiteSpace(refusal.Field), $"{what}: no field named");
            Xunit.Assert.False(string.IsNullOrWhiteSpace(refusal.Problem), $"{what}: no problem named");
        }
        catch (Exception other) when (other is not Xunit.Sdk.IAssertionException)
        {
            Xunit.Assert.Fail($"{what}: {other.GetType().Name} {other.Message}\n{Convert.ToHexString(damaged)}\n{other.StackTrace}");
        }
    }
}
