using System.Globalization;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Values;

/// <summary>Reads times: <c>120s</c>, <c>2m</c>, <c>500ms</c>, <c>1.5h</c>; a plain number is seconds.</summary>
internal static class DurationValue
{
    /// <summary>The longest time that is accepted: what a timer of the runtime can wait for.</summary>
    internal static readonly TimeSpan Longest = TimeSpan.FromDays(24);

    private const string Forms = "write for instance 120s, 2m, 1h or 500ms; a plain number is seconds";

    /// <summary>Reads a time.</summary>
    /// <param name="option">The option it was given to, with dashes, for the message.</param>
    /// <param name="text">What the user wrote.</param>
    /// <returns>At least one millisecond, at most <see cref="Longest"/>.</returns>
    /// <exception cref="UsageException">The text is no time, or out of range.</exception>
    internal static TimeSpan Parse(string option, string text)
    {
        if (text.StartsWith('-'))
        {
            throw new UsageException($"{option}: '{text}' is negative", Forms);
        }

        int digits = text.TakeWhile(letter => char.IsAsciiDigit(letter) || letter == '.').Count();
        decimal? milliseconds = text[digits..] switch
        {
            "ms" => 1,
            "" or "s" => 1000,
            "m" or "min" => 60_000,
            "h" => 3_600_000,
            _ => null,
        };
        if (digits > 0 && milliseconds is null)
        {
            throw new UsageException($"{option}: unknown unit '{text[digits..]}' in '{text}'", Forms);
        }

        if (digits == 0
            || !decimal.TryParse(text.AsSpan(0, digits), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal count))
        {
            // More digits than a decimal holds fail here too: they are too long, not malformed.
            bool isTooLong = digits > 0 && text.AsSpan(0, digits).Count('.') == 0;
            throw new UsageException(isTooLong ? TooLong(option, text) : $"{option}: '{text}' is not a time", Forms);
        }

        if (count > (decimal)Longest.TotalMilliseconds / milliseconds)
        {
            throw new UsageException(TooLong(option, text), Forms);
        }

        TimeSpan time = TimeSpan.FromMilliseconds((double)(count * milliseconds!.Value));
        return time >= TimeSpan.FromMilliseconds(1) ? time : throw new UsageException($"{option}: the time must be at least 1ms", Forms);
    }

    private static string TooLong(string option, string text) => $"{option}: '{text}' is too long; the limit is 24 days";
}
